import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { WriteNow } from './writer.ts';

/**
 * Opens standard output so that writing never waits. A pipe or terminal is opened again, as a file of its own, because
 * its other users may want to wait. A socket, such as journald's, cannot be opened again; `process.stdout` has already
 * made it non-blocking.
 * @param stdout process.stdout
 */
export function openLogOutput({ fd }: { readonly fd: number }): WriteNow {
  const own = reopen(fd) ?? fd;
  return (bytes) => {
    try {
      return writeSync(own, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  };
}

function reopen(fd: number): number | undefined {
  try {
    const stats = fstatSync(fd);
    if (!stats.isFIFO() && !stats.isCharacterDevice()) return undefined;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // Another user owns it: it stays as it is.
    return undefined;
  }
}
