import { createHash } from 'node:crypto';
import { type OpenFile, readThrough } from '../../model/files/open-file.ts';
import { createTurns } from '../../model/limits/turns.ts';

/** Bytes hashed at a time: the event loop is free again after a fraction of a millisecond. */
const STEP = 256 * 1024;

/** Computes a file's SHA-256, or undefined where the file changed meanwhile. Waits for its turn. */
export type Hasher = (file: OpenFile) => Promise<string | undefined>;

/** @param atOnce how many files are read at the same time; the others wait in order */
export function createHasher(atOnce: number): Hasher {
  const inTurn = createTurns(atOnce);
  return (file) => inTurn(() => sha256(file));
}

async function sha256(file: OpenFile): Promise<string | undefined> {
  const hash = createHash('sha256');
  const whole = await readThrough(file, STEP, (bytes) => hash.update(bytes));
  return whole ? hash.digest('hex') : undefined;
}
