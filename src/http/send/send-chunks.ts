import { readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type OpenFile, readWhole } from '../../model/files/open-file.ts';
import type { PageCache } from './page-cache.ts';
import { Progress, type SendRange } from './progress.ts';
import type { UnsentShare } from './unsent-limit.ts';

/** Bytes read and written at a time when few download. */
const MAX_CHUNK = 512 * 1024;
/** The same when thousands do. */
const MIN_CHUNK = 8 * 1024;

/**
 * Makes a sender that reads a chunk and writes it to the socket itself, at half the cost of the response's own stream,
 * and reads the next when the kernel has taken it: one buffer per download, and the socket sets the pace.
 * @param budget bytes of all buffers together, roughly; slow clients keep theirs filled
 * @param unsent counts a download, and limits the unsent bytes in its socket
 * @param cache where given, files are brought into the page cache first, and then read without another thread
 */
export function createChunkSender(budget: number, unsent: () => UnsentShare, cache?: PageCache): SendRange {
  let active = 0;
  /** Bytes of all buffers now. */
  let held = 0;
  /** Smaller chunks for more downloads, and the smallest where others still hold the large ones of before. */
  const chunkSize = (own: number) => {
    const fair = Math.floor(budget / active / MIN_CHUNK) * MIN_CHUNK;
    return Math.max(MIN_CHUNK, Math.min(MAX_CHUNK, fair, budget - (held - own)));
  };
  return async (file, first, length, response) => {
    active += 1;
    const share = unsent();
    const progress = new Progress(response);
    let buffer = Buffer.alloc(0);
    try {
      while (progress.bytes < length) {
        if (progress.isOver) return progress.end('aborted');
        const size = Math.min(chunkSize(buffer.length), length - progress.bytes);
        if (buffer.length !== size) {
          held += size - buffer.length;
          buffer = Buffer.allocUnsafeSlow(size);
        }
        share.apply(response.socket);
        if (!(await fill(buffer, file, first + progress.bytes, cache))) return progress.end('changed');
        if (!(await progress.write(buffer))) return progress.end('aborted');
        // Neither the disk nor the socket may make it wait: the others must have their turn all the same.
        if (cache && progress.bytes < length) await nextTurn();
      }
      return progress.end('complete');
    } catch (error) {
      return progress.end('failed', error as Error);
    } finally {
      active -= 1;
      share.end();
      held -= buffer.length;
    }
  };
}

/** Fills a buffer from a file; false where the file is not the version that was opened any more. */
export async function fill(buffer: Uint8Array, file: OpenFile, position: number, cache?: PageCache): Promise<boolean> {
  if (cache && !file.segments && !file.arrived) {
    await cache.want(file, position);
    await cache.want(file, position + buffer.length - 1);
    // Turns of the thread pool cost several times as much as reading a small chunk.
    if (readSync(file.fd, buffer, 0, buffer.length, position) === buffer.length && file.intactNow()) return true;
  }
  return readWhole(file, buffer, position);
}
