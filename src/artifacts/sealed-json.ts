import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { writeWhole } from './store/write-whole.ts';

const seal = (text: string): string => `${text}\n${createHash('sha256').update(text).digest('hex')}\n`;

/**
 * Writes JSON with its SHA-256 in a line behind it, whole or not at all.
 * @throws the operating system's error
 */
export async function writeSealed(file: string, json: unknown): Promise<void> {
  await writeWhole(file, seal(JSON.stringify(json)));
}

/**
 * Reads what {@link writeSealed} wrote: a digest that one flipped bit made another is still a digest.
 * @throws Error that says why for what was cut short or altered; the operating system's error
 */
export async function readSealed(file: string): Promise<unknown> {
  // Without a wait: a FIFO would keep a thread of the pool for ever.
  const whole = await readFile(file, { encoding: 'utf8', flag: constants.O_NONBLOCK });
  // JSON of JSON.stringify has no line feed.
  const [text = ''] = whole.split('\n', 1);
  if (whole !== seal(text)) throw new Error('it is cut short, damaged, or of another version of Slipway');
  return JSON.parse(text);
}
