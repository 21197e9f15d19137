import type { BigIntStats } from 'node:fs';

/** What tells one version of a file from another without reading it. Times are nanoseconds since 1970. */
export interface FileVersion {
  readonly dev: bigint;
  readonly ino: bigint;
  /** Bytes. */
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly nlink: bigint;
}

/** The version that a stat of a file shows. */
export function versionOf({ dev, ino, size, mtimeNs, ctimeNs, nlink }: BigIntStats): FileVersion {
  return { dev, ino, size: Number(size), mtimeNs, ctimeNs, nlink };
}

/**
 * How a file's later state relates to an earlier one.
 * - `same`: the same bytes.
 * - `relinked`: a name was added or removed, which moves ctime as well: the same bytes. It happens to a file that the
 *   store keeps by a hard link when another is renamed over its path.
 * - `touched`: ctime alone moved. A change of mode does that, but so does other content of the same length whose
 *   mtime was put back (`cp -p` of images whose time stamps are clamped): only a new digest can tell.
 * - `changed`: other bytes, or another file.
 */
export type Relation = 'same' | 'relinked' | 'touched' | 'changed';

/** Compares two versions; see {@link Relation}. */
export function relate(before: FileVersion, after: FileVersion): Relation {
  const moved = (['dev', 'ino', 'size', 'mtimeNs'] as const).some((part) => before[part] !== after[part]);
  if (moved) return 'changed';
  if (before.ctimeNs === after.ctimeNs) return 'same';
  return before.nlink === after.nlink ? 'touched' : 'relinked';
}

/** Whether two versions are of one file, under whatever names. */
export function sameFile(one: FileVersion, other: FileVersion): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** Whether the bytes are certainly those of the earlier version. */
export function sameBytes(before: FileVersion, after: FileVersion): boolean {
  const relation = relate(before, after);
  return relation === 'same' || relation === 'relinked';
}

/** A short text that differs between versions: letters, digits and hyphens. */
export function versionTag({ dev, ino, size, mtimeNs, ctimeNs }: FileVersion): string {
  return [dev, ino, size, mtimeNs, ctimeNs].map((part) => part.toString(36)).join('-');
}

/** The version as JSON can hold it, and back. */
export function versionToJson({ dev, ino, size, mtimeNs, ctimeNs, nlink }: FileVersion): readonly string[] {
  return [dev, ino, size, mtimeNs, ctimeNs, nlink].map(String);
}

/** Reads {@link versionToJson}'s form; undefined for anything else. */
export function versionFromJson(json: unknown): FileVersion | undefined {
  if (!Array.isArray(json) || json.length !== 6) return undefined;
  if (!json.every((part) => typeof part === 'string' && /^-?\d{1,20}$/.test(part))) return undefined;
  const [dev, ino, size, mtimeNs, ctimeNs, nlink] = json.map(BigInt) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  return { dev, ino, size: Number(size), mtimeNs, ctimeNs, nlink };
}
