import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { namesIn } from '../../artifacts/folders.ts';
import { isAbandoned, uniqueName } from '../store/publish.ts';
import { openSource } from '../tools/layer-files.ts';
import type { Piece } from './pieces.ts';

const CHUNK = 1024 * 1024;

/**
 * All bytes in their order.
 * @throws the operating system's error; where a file has become shorter meanwhile
 */
export async function* readPieces(pieces: readonly Piece[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      if (piece.length > 0) yield piece;
      continue;
    }
    const source = await openSource(piece.file);
    try {
      for (let position = 0; position < piece.size; ) {
        const bytes = await source.read(position, Math.min(CHUNK, piece.size - position));
        if (bytes.length === 0) throw new Error(`${piece.file} is shorter than it was`);
        yield bytes;
        position += bytes.length;
      }
    } finally {
      await source.close();
    }
  }
}

const SUFFIX = '.new';
const prefixOf = (path: string): string => `.${basename(path)}.`;

/** A place beside a file or folder, for what will replace it once it is whole. */
export async function besides(path: string): Promise<string> {
  return join(dirname(path), `${prefixOf(path)}${await uniqueName()}${SUFFIX}`);
}

/**
 * Removes what was beside a file or folder when its writer was killed.
 * @param now milliseconds since 1970
 */
export async function removeStale(path: string, now: number): Promise<void> {
  const prefix = prefixOf(path);
  for (const name of await namesIn(dirname(path))) {
    if (!name.startsWith(prefix) || !name.endsWith(SUFFIX)) continue;
    const owner = name.slice(prefix.length, -SUFFIX.length);
    const stale = join(dirname(path), name);
    if (/^[0-9a-f]{12}-\d+-\d*-[0-9a-f]{8}$/.test(owner) && (await isAbandoned(stale, owner, now))) {
      await rm(stale, { recursive: true, force: true });
    }
  }
}

/**
 * Writes a new file.
 * @param progress told of bytes as they are written
 * @throws the operating system's error, such as EEXIST
 */
export async function writePieces(
  path: string,
  pieces: readonly Piece[],
  progress: (bytes: number) => void = () => {},
): Promise<void> {
  const target = await open(path, 'wx', 0o644);
  try {
    for await (const bytes of readPieces(pieces)) {
      await target.appendFile(bytes);
      progress(bytes.length);
    }
    await target.sync();
  } finally {
    await target.close();
  }
}

/**
 * Writes a file, or replaces it in one step when it is whole.
 * @throws the operating system's error
 */
export async function replaceFile(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = await besides(path);
  try {
    await write(temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
