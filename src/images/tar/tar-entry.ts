/**
 * Text of which each character is one byte (ISO 8859-1): what names, link targets and attributes in a file system are.
 * UTF-8 would lose those that are no UTF-8.
 */
export type Bytes = string;

/** What an archive can hold. */
export type EntryType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

/** A run of a file's bytes. What no extent covers is a hole: zeros. */
export interface Extent {
  /** Bytes from the archive's start. */
  readonly position: number;
  /** Bytes from the file's start. */
  readonly offset: number;
  readonly length: number;
}

/** What a file has beside its content. */
export interface Attributes {
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** Device numbers; 0 for all that is no device. */
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
  /** Of a link: another member's name. Of a symbolic link: its target. Else empty. */
  readonly linkname: Bytes;
  /** Bytes of the file, holes included; 0 for all else. */
  readonly size: number;
  readonly extents: readonly Extent[];
}

/** An archive that cannot be read, or that says something impossible. */
export class BadArchive extends Error {
  override readonly name = 'BadArchive';
}

/** A name for people: UTF-8 where it is that, and without control characters. */
export function printable(name: Bytes): string {
  return Buffer.from(name, 'latin1')
    .toString('utf8')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
}
