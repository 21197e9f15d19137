import { type RandomAccess, readBytes } from '../../model/files/random-access.ts';
import { BadArchive, type Bytes, type Extent } from './tar-entry.ts';
import { BLOCK, numberField } from './tar-header.ts';
import type { PaxRecords } from './tar-pax.ts';

/** The runs of data in a sparse file. */
export interface SparseMap {
  /** Bytes of the whole file, holes included. */
  readonly size: number;
  /** Offset and length of each run of data, in the order in which the archive holds them. */
  readonly runs: readonly (readonly [offset: number, length: number])[];
  /** Bytes between the header and the data: further headers, or the map itself. */
  readonly skip: number;
}

/** Bounds the memory that the map of one file takes. */
const MAX_RUNS = 1_000_000;

const malformed = () => new BadArchive('the map of a sparse file is malformed');

/**
 * Reads the map of GNU tar's old sparse format: four runs in the header, more in blocks that follow it.
 * @param block the header
 * @param position of the block after the header
 */
export async function readOldMap(source: RandomAccess, block: Buffer, position: number): Promise<SparseMap> {
  const runs: [number, number][] = [];
  const collect = (from: Buffer, start: number, count: number) => {
    for (let i = 0; i < count; i++) {
      const at = start + i * 24;
      if (from[at] === 0) return;
      runs.push([numberField(from, at, 12), numberField(from, at + 12, 12)]);
    }
  };
  collect(block, 386, 4);
  let skip = 0;
  for (let more = block[482] !== 0; more; ) {
    const next = await readBytes(source, position + skip, BLOCK);
    if (next.length < BLOCK || runs.length > MAX_RUNS) throw malformed();
    collect(next, 0, 21);
    more = next[504] !== 0;
    skip += BLOCK;
  }
  return { size: numberField(block, 483, 12), runs, skip };
}

function wholeNumber(text: Bytes | undefined): number {
  const value = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw malformed();
  return value;
}

function pairs(numbers: readonly number[]): (readonly [number, number])[] {
  if (numbers.length % 2 !== 0) throw malformed();
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i] ?? 0, numbers[2 * i + 1] ?? 0]);
}

/** The map of version 1.0: decimal numbers, a line each, padded to whole blocks, before the data. */
async function readMapInData(source: RandomAccess, position: number): Promise<Pick<SparseMap, 'runs' | 'skip'>> {
  let text = '';
  let at = position;
  const numbers: number[] = [];
  const next = async (): Promise<number> => {
    let end = text.indexOf('\n');
    while (end === -1) {
      const block = await readBytes(source, at, BLOCK);
      if (block.length < BLOCK || text.length > BLOCK) throw malformed();
      text += block.toString('latin1');
      at += BLOCK;
      end = text.indexOf('\n');
    }
    const value = wholeNumber(text.slice(0, end));
    text = text.slice(end + 1);
    return value;
  };
  const count = await next();
  if (count > MAX_RUNS) throw malformed();
  for (let i = 0; i < 2 * count; i++) numbers.push(await next());
  return { runs: pairs(numbers), skip: at - position };
}

/**
 * Reads the map that a PAX header announces, of version 0.0, 0.1 or 1.0 (GNU tar manual, "Sparse Formats").
 * @returns undefined where the file is not sparse
 */
export async function readPaxMap(
  source: RandomAccess,
  records: PaxRecords,
  position: number,
): Promise<SparseMap | undefined> {
  const last = new Map(records);
  if (last.get('GNU.sparse.major') === '1') {
    const size = wholeNumber(last.get('GNU.sparse.realsize'));
    return { size, ...(await readMapInData(source, position)) };
  }
  const size = last.get('GNU.sparse.size');
  if (size === undefined) return undefined;
  const map = last.get('GNU.sparse.map');
  const numbers =
    map !== undefined
      ? map.split(',').filter(Boolean)
      : records.flatMap(([key, value]) =>
          key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes' ? [value] : [],
        );
  return { size: wholeNumber(size), runs: pairs(numbers.map(wholeNumber)), skip: 0 };
}

/**
 * The extents of a sparse file in the archive.
 * @param position of the first byte of data
 * @param stored bytes of data
 * @throws BadArchive where the map contradicts itself
 */
export function layOut({ size, runs }: SparseMap, position: number, stored: number): Extent[] {
  let taken = 0;
  let reached = 0;
  const extents: Extent[] = [];
  for (const [offset, length] of runs) {
    if (offset < reached || offset + length > size) throw malformed();
    if (length > 0) extents.push({ position: position + taken, offset, length });
    reached = offset + length;
    taken += length;
  }
  if (taken > stored) throw new BadArchive('a sparse file has less data than its map says');
  return extents;
}
