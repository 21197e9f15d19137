import { readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type OpenFile, readWhole } from '../../model/files/open-file.ts';
import type { PageCache } from './page-cache.ts';
import { Progress } from './progress.ts';
import type { SendRange } from './sent.ts';
import type { UnsentShare } from './unsent-limit.ts';

/** Bytes read and written at a time when few download. */
const LARGEST = 512 * 1024;
/** The same when very many do. */
const SMALLEST = 8 * 1024;

/**
 * Makes a sender that reads a piece and writes it to the socket itself, which costs half of what the response's own
 * stream does, and reads the next when the kernel has taken it: one buffer per download, and the socket sets the pace.
 * @param budget what all downloads together hold in buffers, roughly, bytes; slow clients keep theirs filled
 * @param unsent counts a download, and bounds what waits in its socket
 * @param cache given where files can be brought into the page cache first, and are then read without another thread
 */
export function createChunkSender(budget: number, unsent: () => UnsentShare, cache?: PageCache): SendRange {
  let active = 0;
  /** Bytes of all buffers at the time. */
  let held = 0;
  /** Smaller pieces for more downloads, and the smallest where others still hold what they took when they were few. */
  const pieceSize = (own: number) => {
    const fair = Math.floor(budget / active / SMALLEST) * SMALLEST;
    return Math.max(SMALLEST, Math.min(LARGEST, fair, budget - (held - own)));
  };
  return async (file, first, length, response) => {
    active += 1;
    const share = unsent();
    const progress = new Progress(response);
    let buffer = Buffer.alloc(0);
    try {
      while (progress.bytes < length) {
        if (progress.isOver) return progress.end('aborted');
        const size = Math.min(pieceSize(buffer.length), length - progress.bytes);
        if (buffer.length !== size) {
          held += size - buffer.length;
          buffer = Buffer.allocUnsafeSlow(size);
        }
        share.apply(response.socket);
        if (!(await fill(buffer, file, first + progress.bytes, cache))) return progress.end('changed');
        if (!(await progress.write(buffer))) return progress.end('aborted');
        // Where neither the disk nor the socket makes it wait, the others must have their turn all the same.
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

/** Reads a piece; false where it is not of the version that was opened. */
export async function fill(buffer: Uint8Array, file: OpenFile, position: number, cache?: PageCache): Promise<boolean> {
  if (cache && !file.segments) {
    await cache.want(file, position);
    await cache.want(file, position + buffer.length - 1);
    // Turns of the thread pool cost several times what reading a small piece does.
    if (readSync(file.fd, buffer, 0, buffer.length, position) === buffer.length && file.intactNow()) return true;
  }
  return readWhole(file, buffer, position);
}
