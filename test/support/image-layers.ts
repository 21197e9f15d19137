import type { EntryType, TarEntry } from '../../src/images/tar/tar-entry.ts';
import { END_OF_ARCHIVE, encodeMember, padding } from '../../src/images/tar/tar-write.ts';

/** A member for a test: what is left out is 0, root's, and plain. */
export interface Member {
  readonly name: string;
  readonly type?: EntryType;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970. */
  readonly mtime?: number;
  readonly linkname?: string;
  readonly major?: number;
  readonly minor?: number;
  /** Characters are bytes. */
  readonly content?: string;
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Makes the file sparse: where each run begins; lengths are those of equal parts of the content. */
  readonly holes?: { readonly size: number; readonly at: readonly number[] };
}

/** A member as the reader gives it, its bytes beginning at a position. */
export function toEntry(member: Member, position = 0): TarEntry {
  const { name, type = 'file', content = '', holes } = member;
  const part = holes ? content.length / holes.at.length : content.length;
  return {
    name,
    type,
    mode: member.mode ?? (type === 'directory' ? 0o755 : 0o644),
    uid: member.uid ?? 0,
    gid: member.gid ?? 0,
    mtime: BigInt(member.mtime ?? 0) * 1_000_000_000n,
    major: member.major ?? 0,
    minor: member.minor ?? 0,
    linkname: member.linkname ?? '',
    xattrs: new Map(Object.entries(member.xattrs ?? {})),
    acls: new Map(),
    size: holes?.size ?? content.length,
    extents: holes
      ? holes.at.map((offset, i) => ({ position: position + i * part, offset, length: part }))
      : content === ''
        ? []
        : [{ position, offset: 0, length: content.length }],
  };
}

/** An archive of members, in their order. */
export function makeTar(members: readonly Member[]): Buffer {
  const bytes = members.flatMap((member) => {
    const content = Buffer.from(member.content ?? '', 'latin1');
    const { head, pieces, data } = encodeMember(toEntry(member));
    const body = pieces.map((piece) =>
      'zeros' in piece ? new Uint8Array(piece.zeros) : content.subarray(piece.position, piece.position + piece.length),
    );
    return [head, ...body, padding(data)];
  });
  return Buffer.concat([...bytes, END_OF_ARCHIVE]);
}
