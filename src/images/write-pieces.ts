import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { openSource } from './layer-files.ts';
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

/** A name beside a file, for what will replace it once it is whole. */
export function besides(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.new`);
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
  const temporary = besides(path);
  try {
    await write(temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
