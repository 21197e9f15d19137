import type { RandomAccessFile } from '../../model/files/random-access.ts';

/** A file in the form in which it is sent. It is read in order, about 64 KiB at a time. */
export interface SentFile extends Omit<RandomAccessFile, 'size'> {
  /** Octets; undefined where only the end tells. */
  readonly size: number | undefined;
}

/** The file seemed whole when it was opened and ends too early now. */
export class FileShrunk extends Error {
  readonly code = 'FILE_SHRUNK';
}

/** Octets read at a time: enough that reading costs little per block, few enough for thousands of transfers. */
const CHUNK = 64 * 1024;

/** The blocks of a file, read ahead in chunks. */
export interface Blocks {
  /** The file's octets; undefined until its end has been read, where only that tells. */
  size(): number | undefined;
  /** A block (from 1); undefined behind the last one, and while it is not read: then {@link load} it. */
  get(block: number): Uint8Array | undefined;
  /** The blocks from one to another as far as they are read, without a gap. */
  take(from: number, to: number): readonly Uint8Array[];
  /** Resolves when {@link get} has the block. */
  load(block: number): Promise<void>;
  /** Forgets chunks that hold only blocks up to this one. */
  release(block: number): void;
}

/** Cuts a file into blocks. Keeps the blocks that are not released, and reads the next chunk in advance. */
export function readBlocks(file: SentFile, blksize: number): Blocks {
  const perChunk = Math.max(1, Math.floor(CHUNK / blksize));
  const chunkSize = perChunk * blksize;
  const chunks = new Map<number, Uint8Array>();
  const loading = new Map<number, Promise<void>>();
  let lowest = 0;
  let { size } = file;

  const keep = (index: number, length: number, bytes: Uint8Array): void => {
    loading.delete(index);
    if (bytes.length !== length) {
      if (size !== undefined) throw new FileShrunk(`${bytes.length} octets instead of ${length} at chunk ${index}`);
      size = index * chunkSize + bytes.length;
    }
    if (index >= lowest) chunks.set(index, bytes);
  };
  const fetch = (index: number): Promise<void> | undefined => {
    const length = Math.min(chunkSize, (size ?? Number.POSITIVE_INFINITY) - index * chunkSize);
    if (length <= 0) chunks.set(index, new Uint8Array(0));
    if (chunks.has(index)) return undefined;
    const running = loading.get(index);
    if (running) return running;
    const chunk = Buffer.allocUnsafe(length);
    const promise = file.read(chunk, index * chunkSize).then((count) => keep(index, length, chunk.subarray(0, count)));
    loading.set(index, promise);
    return promise;
  };

  const readAhead = (index: number): void => {
    // A failure is reported when the blocks' turn has come.
    fetch(index)?.catch(() => {});
  };

  const get = (block: number): Uint8Array | undefined => {
    const index = Math.floor((block - 1) / perChunk);
    const chunk = chunks.get(index);
    if (!chunk) return undefined;
    const start = (block - 1 - index * perChunk) * blksize;
    if (size !== undefined && (block - 1) * blksize > size) return undefined;
    if (start === 0 && (size === undefined || (index + 1) * chunkSize < size)) readAhead(index + 1);
    return chunk.subarray(start, start + blksize);
  };

  return {
    size: () => size,
    get,
    take(from, to) {
      const found: Uint8Array[] = [];
      for (let block = from; block <= to; block++) {
        const payload = get(block);
        if (!payload) break;
        found.push(payload);
      }
      return found;
    },
    async load(block) {
      await fetch(Math.floor((block - 1) / perChunk));
    },
    release(block) {
      const below = Math.floor(block / perChunk);
      for (; lowest < below; lowest++) chunks.delete(lowest);
    },
  };
}
