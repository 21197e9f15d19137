import type { RootKind } from '../../model/boot/root-kind.ts';

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

/** What `manifest.json` says. The same source and versions give the same text: it has no time of making. */
export interface BuildManifest {
  readonly format: 1;
  readonly architecture: string;
  readonly source: BuiltSource;
  /** Bytes of all files of the root, unpacked. */
  readonly unpacked: number;
  readonly kernel: BuiltFile & { readonly version: string };
  readonly initrd: BuiltFile & {
    readonly from: 'own' | 'dracut' | 'given';
    /** The image in whose root dracut ran, where that was another. */
    readonly builder?: BuiltSource;
  };
  /** The SELinux policy whose labels the roots have, but for the OCI archive; null where the image has none. */
  readonly selinux: string | null;
  readonly roots: Readonly<Partial<Record<RootKind, BuiltRoot>>>;
  /** Programs that took part, with what they say of their versions. */
  readonly tools: Readonly<Record<string, string>>;
}

/** What a kernel, systemd and the initrd need by themselves, without a root: measured with Debian 12, bytes. */
const BASE = 170 * 1024 * 1024;

/**
 * What a node needs to boot, bytes: what the root occupies in memory at its most, beside the system itself.
 * @param size of the file; @param unpacked of the tree
 */
export function memoryNeeded(kind: RootKind, size: number, unpacked: number, initrd: number): number {
  // An initrd of the size that the base was measured with is part of it.
  const base = BASE + Math.max(0, initrd - 25 * 1024 * 1024);
  switch (kind) {
    case 'squashfs':
    case 'erofs':
      return base + size;
    case 'tar.zst':
      return base + unpacked;
    case 'oci':
      return base + unpacked + size;
  }
}

/**
 * Reads a manifest.
 * @returns undefined for what is none, or one of another version
 */
export function parseManifest(text: string): BuildManifest | undefined {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && 'format' in json && json.format === 1)
      return json as BuildManifest;
  } catch {
    // Cut short.
  }
  return undefined;
}
