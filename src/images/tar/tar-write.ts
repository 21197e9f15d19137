import type { Bytes, EntryType, Extent, TarEntry } from './tar-entry.ts';
import { BLOCK, encodeHeader, fitsOctal, splitName } from './tar-header.ts';
import { encodePax, formatTime } from './tar-pax.ts';

const FLAGS: Readonly<Record<EntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** The two blocks of zeros that end an archive. */
export const END_OF_ARCHIVE: Uint8Array = new Uint8Array(2 * BLOCK);

/** The zeros that pad so many bytes of data to whole blocks. */
export function padding(bytes: number): Uint8Array {
  return new Uint8Array((BLOCK - (bytes % BLOCK)) % BLOCK);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, padding(bytes.length)]);
}

/** A run of a member's data as it is written: bytes of the file, or zeros. */
export type DataRun = Extent | { readonly zeros: number };

/** A part of a sparse file that the archive holds as one run. */
interface Run {
  readonly offset: number;
  end: number;
  readonly extents: Extent[];
}

/** The runs of a sparse file, extended to whole blocks: GNU tar begins each at a block. */
function wholeRuns({ size, extents }: TarEntry): Run[] {
  const runs: Run[] = [];
  for (const extent of extents) {
    const offset = extent.offset - (extent.offset % BLOCK);
    let run = runs.at(-1);
    if (!run || run.end < offset) {
      run = { offset, end: offset, extents: [] };
      runs.push(run);
    }
    run.extents.push(extent);
    run.end = Math.min(size, Math.ceil((extent.offset + extent.length) / BLOCK) * BLOCK);
  }
  return runs;
}

/** The data of a run, with zeros between its extents. */
function fill({ offset, end, extents }: Run): DataRun[] {
  let reached = offset;
  const pieces: DataRun[] = [];
  for (const extent of extents) {
    if (extent.offset > reached) pieces.push({ zeros: extent.offset - reached });
    pieces.push(extent);
    reached = extent.offset + extent.length;
  }
  if (end > reached) pieces.push({ zeros: end - reached });
  return pieces;
}

/** The map of a sparse file in PAX version 1.0. An empty run at the end stands for a hole there. */
function sparseMap(size: number, runs: readonly Run[]): Buffer {
  const numbers = runs.flatMap(({ offset, end }) => [offset, end - offset]);
  if ((runs.at(-1)?.end ?? 0) < size) numbers.push(size, 0);
  return padded(Buffer.from([numbers.length / 2, ...numbers].map((number) => `${number}\n`).join(''), 'latin1'));
}

/** A member as it is written; the caller reads its data. */
export interface Encoded {
  /** A PAX header for values that ustar cannot hold, the ustar header, and a sparse file's map. */
  readonly head: Buffer;
  /** The data after the head, in this order; {@link padding} follows. */
  readonly pieces: readonly DataRun[];
  /** Bytes of the pieces together. */
  readonly data: number;
}

/**
 * Encodes one member.
 * @param holes `map` writes a file with holes as its runs with a map of them; `zeros` fills the holes, for readers that
 * know no maps
 */
export function encodeMember(entry: TarEntry, holes: 'map' | 'zeros' = 'map'): Encoded {
  const records: [Bytes, Bytes][] = [];
  const name = entry.type === 'directory' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name;
  const stored = entry.extents.reduce((sum, { length }) => sum + length, 0);
  const sparse = entry.type === 'file' && holes === 'map' && stored < entry.size;
  const runs = sparse ? wholeRuns(entry) : [{ offset: 0, end: entry.size, extents: [...entry.extents] }];
  const pieces = runs.flatMap(fill);
  const map = sparse ? sparseMap(entry.size, runs) : Buffer.alloc(0);
  const data = pieces.reduce((sum, piece) => sum + ('zeros' in piece ? piece.zeros : piece.length), 0);
  const size = map.length + data;
  const seconds = entry.mtime / 1_000_000_000n;

  if (sparse) {
    records.push(['GNU.sparse.major', '1'], ['GNU.sparse.minor', '0'], ['GNU.sparse.name', name]);
    records.push(['GNU.sparse.realsize', String(entry.size)]);
  } else if (!splitName(name)) records.push(['path', name]);
  if (entry.linkname.length > 100) records.push(['linkpath', entry.linkname]);
  const number = (keyword: string, value: number, width: number) => {
    if (!fitsOctal(value, width)) records.push([keyword, String(value)]);
  };
  number('size', size, 12);
  number('uid', entry.uid, 8);
  number('gid', entry.gid, 8);
  if (entry.mtime % 1_000_000_000n !== 0n || !fitsOctal(Number(seconds), 12)) {
    records.push(['mtime', formatTime(entry.mtime)]);
  }
  number('SCHILY.devmajor', entry.major, 8);
  number('SCHILY.devminor', entry.minor, 8);
  for (const [keyword, value] of [...entry.acls].sort()) records.push([keyword, value]);
  for (const [keyword, value] of [...entry.xattrs].sort()) records.push([`SCHILY.xattr.${keyword}`, value]);

  const { mode, uid, gid, linkname, major, minor } = entry;
  const header = encodeHeader({
    ...{ mode, uid, gid, linkname, major, minor, size, mtime: Number(seconds), flag: FLAGS[entry.type] },
    name: sparse ? `GNUSparseFile.0/${name.slice(-80)}` : name,
  });
  if (records.length === 0) return { head: Buffer.concat([header, map]), pieces, data };
  const body = encodePax(records);
  const extended = encodeHeader({
    ...{ name: 'PaxHeader', mode: 0o644, uid: 0, gid: 0, size: body.length, mtime: 0 },
    ...{ flag: 'x', linkname: '', major: 0, minor: 0 },
  });
  return { head: Buffer.concat([extended, padded(body), header, map]), pieces, data };
}
