import type { Root } from '../image.ts';
import { rootMethodOf } from '../root-methods/methods.ts';
import type { RootSize } from '../root-methods/root-method.ts';

const MIB = 1024 * 1024;

/** Memory of a kernel, systemd and the initrd without a root, bytes: measured with Debian 12. */
const BASE = 170 * MIB;
/** Bytes of the initrd that the base was measured with. */
const BASE_INITRD = 25 * MIB;
/** What a compressed root takes unpacked, by its own size: Debian 12 has 215 MB, 66 MB as an archive. */
const UNPACKED = 215 / 66;

const GIB = 1024 * MIB;
const UNITS: Readonly<Record<string, number>> = { MiB: MIB, GiB: GIB, TiB: 1024 * GIB };

/** What `memory:` may say. */
export const MEMORY_EXPECTED = 'an amount of memory such as 512 MiB or 2 GiB, or a number of MiB';

/** Reads an amount of memory, in bytes: `2 GiB`, `512 MiB`, `1.5GiB`, or a number of MiB. Undefined for anything else. */
export function parseMemory(text: string): number | undefined {
  const [, digits, unit = 'MiB'] = /^(\d{1,9}(?:\.\d{1,3})?) ?([MGT]iB)?$/.exec(text) ?? [];
  const bytes = Math.round(Number(digits) * (UNITS[unit] ?? 0));
  return bytes > 0 && bytes <= Number.MAX_SAFE_INTEGER ? bytes : undefined;
}

/** An amount of memory for people: `512 MiB`, `3.1 GiB`. */
export function formatMemory(bytes: number): string {
  const mib = Math.round(bytes / MIB);
  return mib < 1024 ? `${mib} MiB` : `${Number((bytes / GIB).toFixed(1))} GiB`;
}

/** A root's file, as far as it is known. */
export interface RootFile {
  /** Of the file. */
  readonly bytes: number;
  /** Bytes of the tree, where a build says so. */
  readonly unpacked?: number | undefined;
  /** Whether the tree is compressed in it. */
  readonly packed: boolean;
}

/**
 * The memory that the root itself takes at its most, bytes, at the very least: a compressed tree of unknown size counts
 * as that of its file. The root's own; the system that runs in it comes on top.
 */
export function leastRootMemory(root: Root, { bytes, unpacked = bytes }: Omit<RootFile, 'packed'>): number {
  return memoryOf(root, { bytes, unpacked });
}

/**
 * The memory that a machine needs to boot a root, bytes: an estimate, with Debian's figures for what is not known.
 * @param initrd bytes of the initrds
 */
export function likelyMemory(root: Root, { bytes, unpacked, packed }: RootFile, initrd: number): number {
  const tree = unpacked ?? (packed ? bytes * UNPACKED : bytes);
  return BASE + Math.max(0, initrd - BASE_INITRD) + memoryOf(root, { bytes, unpacked: tree });
}

function memoryOf(root: Root, size: RootSize): number {
  return rootMethodOf(root.method).memoryNeeded(root as never, size);
}

/** What a kernel needs at the very least, with nothing but its initrd: 64 MiB boot no distribution's kernel. */
const FLOOR = 64 * MIB;

/**
 * The memory below which a machine certainly cannot boot a root, bytes.
 * @param initrd bytes of the initrds
 */
export function certainMemory(root: number, initrd: number): number {
  return FLOOR + initrd + root;
}
