import { gunzipSync, constants as zlib } from 'node:zlib';
import { detectCompression } from './compression.ts';
import { kindOf } from './file-kind.ts';

/** What a kernel's file says of itself. */
export interface KernelHeader {
  /** As Linux names it: `x86_64`, `i386`, `arm64` and others; undefined for an unknown one. */
  readonly architecture: string | undefined;
  /** Whether it is a unified kernel image: a UEFI program with a kernel and its initrd in sections. */
  readonly unified: boolean;
}

/** Architectures by the machine field of the COFF header (PE format specification, "Machine Types"). */
const MACHINES: ReadonlyMap<number, string> = new Map([
  [0x14c, 'i386'],
  [0x8664, 'x86_64'],
  [0xaa64, 'arm64'],
  [0x1c2, 'arm'],
  [0x5064, 'riscv64'],
  [0x6264, 'loongarch64'],
]);

/** Bytes of a section's header, and how many sections are looked at: a unified kernel image has about ten. */
const SECTION = 40;
const SECTIONS = 64;

/** Position of the COFF header of a UEFI program; undefined for other files. */
function coffHeader(start: Buffer): number | undefined {
  if (start.length < 64 || start.toString('latin1', 0, 2) !== 'MZ') return undefined;
  const pe = start.readUInt32LE(0x3c);
  return pe + 24 <= start.length && start.toString('latin1', pe, pe + 4) === 'PE\0\0' ? pe + 4 : undefined;
}

/** Whether a section has the name `.linux` (UAPI group specification "Unified Kernel Image"). */
function hasLinuxSection(start: Buffer, coff: number): boolean {
  const table = coff + 20 + start.readUInt16LE(coff + 16);
  const count = Math.min(SECTIONS, start.readUInt16LE(coff + 2));
  for (let at = table; at < table + count * SECTION; at += SECTION) {
    if (start.toString('latin1', at, at + 7) === '.linux\0') return true;
  }
  return false;
}

/** The protocol of bzImage: XLF_KERNEL_64 in `xloadflags` (Linux's Documentation/arch/x86/boot.rst). */
function bzImageArchitecture(start: Buffer): string | undefined {
  if (start.length < 0x238 || start.readUInt16LE(0x206) < 0x20c) return undefined;
  return start.readUInt16LE(0x236) & 1 ? 'x86_64' : 'i386';
}

/** The first bytes of what is in a gzip file. */
function unzipped(start: Buffer): Buffer | undefined {
  try {
    return gunzipSync(start.subarray(0, 4096), { finishFlush: zlib.Z_SYNC_FLUSH, maxOutputLength: 4 * 1024 * 1024 });
  } catch {
    return undefined;
  }
}

/**
 * Reads what a kernel's file says of itself.
 * @param start its first `KIND_BYTES`, or all of it
 * @returns undefined for a file that is no kernel, or of an unknown kind
 */
export function readKernelHeader(start: Buffer): KernelHeader | undefined {
  const coff = coffHeader(start);
  if (coff !== undefined) {
    const architecture = MACHINES.get(start.readUInt16LE(coff));
    return { architecture, unified: hasLinuxSection(start, coff) };
  }
  const kind = kindOf(start);
  if (kind === 'bzImage') return { architecture: bzImageArchitecture(start), unified: false };
  if (kind === 'arm64 Image') return { architecture: 'arm64', unified: false };
  // arm64 kernels do not unpack themselves: Ubuntu has them in a gzip file.
  const inner = detectCompression(start) === 'gzip' ? unzipped(start) : undefined;
  return inner && detectCompression(inner) !== 'gzip' ? readKernelHeader(inner) : undefined;
}
