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

/** What ends an archive. */
export const END_OF_ARCHIVE: Uint8Array = new Uint8Array(2 * BLOCK);

/** Zeros that fill a member's data up to whole blocks. */
export function padding(bytes: number): Uint8Array {
  return new Uint8Array((BLOCK - (bytes % BLOCK)) % BLOCK);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, padding(bytes.length)]);
}

/** A piece of a member's data as it is written: bytes of the file, or zeros. */
export type Piece = Extent | { readonly zeros: number };

/** A part of a file that is written in one piece. */
interface Run {
  readonly offset: number;
  end: number;
  readonly extents: Extent[];
}

/** The runs of a sparse file, made up to whole blocks: GNU tar begins each at a block. */
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

/** The bytes of a run, zeros for what no extent has. */
function fill({ offset, end, extents }: Run): Piece[] {
  let reached = offset;
  const pieces: Piece[] = [];
  for (const extent of extents) {
    if (extent.offset > reached) pieces.push({ zeros: extent.offset - reached });
    pieces.push(extent);
    reached = extent.offset + extent.length;
  }
  if (end > reached) pieces.push({ zeros: end - reached });
  return pieces;
}

/** The map of a sparse file of PAX version 1.0; a run of no bytes at the end stands for a hole there. */
function sparseMap(size: number, runs: readonly Run[]): Buffer {
  const numbers = runs.flatMap(({ offset, end }) => [offset, end - offset]);
  if ((runs.at(-1)?.end ?? 0) < size) numbers.push(size, 0);
  return padded(Buffer.from([numbers.length / 2, ...numbers].map((number) => `${number}\n`).join(''), 'latin1'));
}

/** A member as it is written, its data left to be read. */
export interface Encoded {
  /** Its ustar header, a PAX header before it where ustar cannot say all, and a sparse file's map. */
  readonly head: Buffer;
  /** What follows the head, in this order; then comes {@link padding}. */
  readonly pieces: readonly Piece[];
  /** Bytes of the pieces together. */
  readonly data: number;
}

/**
 * Writes one member.
 * @param holes `map`: a file with holes is written as its runs, with a map of them; `zeros`: holes are written out, for
 * readers that know no maps
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
  if (!fitsOctal(size, 12)) records.push(['size', String(size)]);
  if (!fitsOctal(entry.uid, 8)) records.push(['uid', String(entry.uid)]);
  if (!fitsOctal(entry.gid, 8)) records.push(['gid', String(entry.gid)]);
  if (entry.mtime % 1_000_000_000n !== 0n || !fitsOctal(Number(seconds), 12)) {
    records.push(['mtime', formatTime(entry.mtime)]);
  }
  if (!fitsOctal(entry.major, 8)) records.push(['SCHILY.devmajor', String(entry.major)]);
  if (!fitsOctal(entry.minor, 8)) records.push(['SCHILY.devminor', String(entry.minor)]);
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
