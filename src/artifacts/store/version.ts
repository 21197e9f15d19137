import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

/** A version of a file, by its stamps, without reading it. Times are nanoseconds since 1970. */
export interface FileVersion {
  readonly dev: bigint;
  readonly ino: bigint;
  /** Bytes. */
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly nlink: bigint;
}

/** A version of a file that was pinned once. */
export interface Blob {
  readonly size: number;
  /** The kept file as last seen; undefined until its content is verified. */
  version: FileVersion | undefined;
  /** True while there is a kept file. */
  kept: boolean;
  /** Downloads that run. */
  readers: number;
  /** When it was last handed out or read, milliseconds of a clock that never goes back. */
  lastUsed: number;
}

/** The version that a stat of a file shows. */
export function versionOf({ dev, ino, size, mtimeNs, ctimeNs, nlink }: BigIntStats): FileVersion {
  return { dev, ino, size: Number(size), mtimeNs, ctimeNs, nlink };
}

/**
 * The version of the file at a path, links followed; undefined where there is none.
 * @throws the operating system's error for all else
 */
export async function versionAt(path: string): Promise<FileVersion | undefined> {
  try {
    return versionOf(await stat(path, { bigint: true }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}

/** The same at once, for a file that the store has just made. */
export function versionAtNow(path: string): FileVersion | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && versionOf(stats);
}

/**
 * How a file's later state relates to an earlier one.
 * - `same`: the same bytes.
 * - `relinked`: a name was added or removed, which moves ctime: as when another file is renamed over the path of a file
 *   that the store keeps by a hard link.
 * - `touched`: ctime alone moved, as by a change of mode.
 * - `changed`: other bytes, or another file.
 *
 * `relinked` and `touched` say nothing of the bytes: ctime also moves when others of the same length are written and
 * mtime is put back (`cp -p` of images whose time stamps are clamped). Only a new digest can tell.
 */
export type Relation = 'same' | 'relinked' | 'touched' | 'changed';

/** Compares two versions; see {@link Relation}. */
export function relate(before: FileVersion, after: FileVersion): Relation {
  if (!sameStamp(before, after)) return 'changed';
  if (before.ctimeNs === after.ctimeNs) return 'same';
  return before.nlink === after.nlink ? 'touched' : 'relinked';
}

/** Compares all stamps but ctime, for where the store itself has just moved that. */
export function sameStamp(one: FileVersion, other: FileVersion): boolean {
  return (['dev', 'ino', 'size', 'mtimeNs'] as const).every((part) => one[part] === other[part]);
}

/** Milliseconds in which two writes may leave the same ctime: the kernel's clock for it ticks (10 ms at HZ=100). */
const TICK = 20;

/** Milliseconds until a later write is sure to move ctime; none for a stamp from the future, which says nothing. */
export function tickLeft({ ctimeNs }: FileVersion, now: number): number {
  const age = now - Number(ctimeNs / 1_000_000n);
  return age >= 0 && age < TICK ? TICK - age : 0;
}

/** Compares the inodes of two versions: one file may have several names. */
export function sameFile(one: FileVersion, other: FileVersion): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** True where the bytes are certainly those of the earlier version. */
export function sameBytes(before: FileVersion, after: FileVersion): boolean {
  return relate(before, after) === 'same';
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
  const [dev = 0n, ino = 0n, size, mtimeNs = 0n, ctimeNs = 0n, nlink = 0n] = json.map(BigInt);
  return { dev, ino, size: Number(size), mtimeNs, ctimeNs, nlink };
}
