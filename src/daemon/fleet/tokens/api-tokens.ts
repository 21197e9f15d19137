import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import type { RecordEvent } from '../../../model/event.ts';
import { type Access, readTokens, type Token } from '../../../model/fleet/access.ts';
import { plainMessage } from '../../../model/plain-error.ts';

/** Bits of a mode that let others than the owner read or write. */
const OTHERS = 0o077;

/** Tells whom a token of the API belongs to; undefined for one that is not known. */
export type Authorise = (secret: string) => Promise<Access | undefined>;

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Makes the file with one token that allows all, where there is none. */
async function make(file: string, record: RecordEvent): Promise<void> {
  const text = `# Tokens of the API: a name, read or write, and the token.\nadmin write ${randomBytes(16).toString('hex')}\n`;
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
    record({ event: 'api.tokens', level: 'info', message: `api.tokens: made ${file}, with a token for changes` });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    const message = `api.tokens: ${file} cannot be made: ${plainMessage(error)}; the API changes nothing`;
    record({ event: 'api.tokens', level: 'warn', message });
  }
}

/**
 * The tokens of a file, which is read again when it has changed. A file that others may read counts as empty.
 * @param file its path now; undefined for none
 */
export function openTokens(file: () => string | undefined, record: RecordEvent): Authorise {
  let known: { readonly version: string; readonly tokens: readonly Token[] } | undefined;

  const read = async (path: string): Promise<readonly Token[]> => {
    const { mode, mtimeMs, size, ino } = await stat(path);
    const version = [path, mode, mtimeMs, size, ino].join();
    if (known?.version === version) return known.tokens;
    const warn = (message: string) => record({ event: 'api.tokens', level: 'warn', message: `api.tokens: ${message}` });
    const { tokens, mistakes } = readTokens(await readFile(path, 'utf8'));
    for (const mistake of mistakes) warn(`${path}:${mistake}`);
    const isOpen = (mode & OTHERS) !== 0;
    if (isOpen) warn(`${path} may be read by others, so that no token of it counts: chmod 600 ${path}`);
    known = { version, tokens: isOpen ? [] : tokens };
    return known.tokens;
  };
  const first = file();
  const made = first === undefined ? Promise.resolve() : make(first, record);

  return async (secret) => {
    await made;
    const path = file();
    const tokens = path === undefined ? [] : await read(path).catch(() => []);
    const wanted = digest(secret);
    return tokens.find((token) => timingSafeEqual(digest(token.secret), wanted));
  };
}
