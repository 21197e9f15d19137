import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { WriteNow } from './writer.ts';

/**
 * Opens standard output so that writing never waits. A pipe or terminal is opened once more, as a file of its own, since
 * its other users may want to wait. Sockets, as of journald, cannot be: `process.stdout` has made them such.
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
    // Of another user: it stays as it is.
    return undefined;
  }
}
