import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';

const withDigest = (text: string): string => `${text}\n${createHash('sha256').update(text).digest('hex')}\n`;

/** JSON with its SHA-256 in a line behind it: one flipped bit of a digest in it would give another valid digest. */
export function sealJson(json: unknown): string {
  return withDigest(JSON.stringify(json));
}

/**
 * Reads a file that holds {@link sealJson}'s text.
 * @throws Error that says why for what was cut short or altered; the operating system's error
 */
export async function readSealed(file: string): Promise<unknown> {
  // Without a wait: a FIFO would keep a thread of the pool for ever.
  const whole = await readFile(file, { encoding: 'utf8', flag: constants.O_NONBLOCK });
  // JSON of JSON.stringify has no line feed.
  const [text = ''] = whole.split('\n', 1);
  if (whole !== withDigest(text)) throw new Error('it is cut short, damaged, or of another version of Slipway');
  return JSON.parse(text);
}
