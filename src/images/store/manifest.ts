import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { likelyMemory } from '../../model/boot/fit/memory.ts';
import type { RootKind } from '../../model/boot/root-kind.ts';
import { defaultRoot } from '../../model/boot/root-methods/methods.ts';

/** A file of a build. */
export interface BuiltFile {
  readonly file: string;
  /** SHA-256, 64 hex digits. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** A root file system of a build, with what boots it. */
export interface BuiltRoot extends BuiltFile {
  /** Memory that a node needs to boot it so, bytes: an estimate. */
  readonly memory: number;
}

/** An image that went into a build. */
export interface BuiltSource {
  /** Its manifest, `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly created: string | null;
  readonly layers: readonly string[];
}

/** The content of `manifest.json`. It has no date, so the same source and versions give the same text. */
export interface BuildManifest {
  readonly format: 1;
  readonly architecture: string;
  readonly source: BuiltSource;
  /** Bytes of all files of the root, unpacked. */
  readonly unpacked: number;
  readonly kernel: BuiltFile & { readonly version: string };
  readonly initrd: BuiltFile & {
    readonly from: 'own' | 'dracut' | 'given';
    /** Its dracut modules that root methods need; absent where not all of it could be read, and in older manifests. */
    readonly modules?: readonly string[];
    /** The image in whose root dracut ran, where that was another. */
    readonly builder?: BuiltSource;
  };
  /** The SELinux policy whose labels the roots have, but for the OCI archive; null where the image has none. */
  readonly selinux: string | null;
  readonly roots: Readonly<Partial<Record<RootKind, BuiltRoot>>>;
  /** Programs that took part, with what they say of their versions. */
  readonly tools: Readonly<Record<string, string>>;
}

/** The root method that boots a root of each form, unless another is configured. */
const METHODS = { squashfs: 'image', erofs: 'image', 'tar.zst': 'container-root', oci: 'bootc-live' } as const;

/**
 * The memory that a node needs to boot, bytes: an estimate.
 * @param size of the root's file, bytes
 * @param unpacked bytes of the root's tree
 * @param initrd bytes of the initrd
 */
export function memoryNeeded(kind: RootKind, size: number, unpacked: number, initrd: number): number {
  const root = defaultRoot(METHODS[kind]);
  return Math.round(likelyMemory(root, { bytes: size, unpacked, packed: true }, initrd));
}

/**
 * Reads a manifest.
 * @returns undefined where there is none, and for what is cut short, of another version or of another program
 * @throws the operating system's error
 */
export async function readManifest(
  file: string,
): Promise<{ readonly manifest: BuildManifest; readonly text: string } | undefined> {
  try {
    // Without a wait: a FIFO would keep a thread of the pool for ever.
    const text = await readFile(file, { encoding: 'utf8', flag: constants.O_NONBLOCK });
    const json = JSON.parse(text) as BuildManifest | null;
    return json?.format === 1 ? { manifest: json, text } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}
