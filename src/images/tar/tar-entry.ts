/**
 * Text of which each character is one byte (ISO 8859-1): what names, link targets and attributes in a file system are.
 * UTF-8 would lose those that are no UTF-8.
 */
export type Bytes = string;

/** Types of members. */
export type EntryType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

/** A run of a file's bytes. Bytes that no extent covers are a hole: zeros. */
export interface Extent {
  /** Bytes from the archive's start. */
  readonly position: number;
  /** Bytes from the file's start. */
  readonly offset: number;
  readonly length: number;
}

/** A file's attributes: everything but names and content. */
export interface Attributes {
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** Numbers of a device, else 0. */
  readonly major: number;
  readonly minor: number;
  /** Extended attributes by name, such as `security.capability`. */
  readonly xattrs: ReadonlyMap<Bytes, Bytes>;
  /** Access control lists as star and GNU tar write them, by PAX keyword: `SCHILY.acl.access`. */
  readonly acls: ReadonlyMap<Bytes, Bytes>;
}

/** One member of an archive, its name as the archive spells it. */
export interface TarEntry extends Attributes {
  readonly name: Bytes;
  readonly type: EntryType;
  /** Another member's name for a hard link, the target for a symbolic link, else empty. */
  readonly linkname: Bytes;
  /** Bytes of a file, holes included; 0 for other types. */
  readonly size: number;
  readonly extents: readonly Extent[];
}

/** A damaged archive, or one with impossible contents. */
export class BadArchive extends Error {
  override readonly name = 'BadArchive';
}

/** A name for people: as UTF-8, control characters replaced. */
export function printable(name: Bytes): string {
  return Buffer.from(name, 'latin1')
    .toString('utf8')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
}
