import { createHash } from 'node:crypto';
import { type OpenFile, readThrough } from '../../model/files/open-file.ts';

/** Bytes hashed at a time: the event loop is free again after a fraction of a millisecond. */
const STEP = 256 * 1024;

/** Computes a file's SHA-256, or undefined where the file changed meanwhile. Waits for its turn. */
export type Hasher = (file: OpenFile) => Promise<string | undefined>;

/** @param atOnce how many files are read at the same time; the others wait in order */
export function createHasher(atOnce: number): Hasher {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (file) => {
    if (running < atOnce) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await sha256(file);
    } finally {
      // The place goes to the next in line, or becomes free.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

async function sha256(file: OpenFile): Promise<string | undefined> {
  const hash = createHash('sha256');
  const whole = await readThrough(file, STEP, (bytes) => hash.update(bytes));
  return whole ? hash.digest('hex') : undefined;
}
