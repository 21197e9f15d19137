import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { namesIn } from '../../artifacts/folders.ts';
import { readBytes } from '../../model/files/random-access.ts';
import type { Segment } from '../../model/files/segment.ts';
import { isAbandoned, uniqueName } from '../store/publish.ts';
import { openPlain } from '../tools/layer-files.ts';

const CHUNK = 1024 * 1024;

/**
 * The bytes of segments of files, by the files' paths.
 * @throws the operating system's error; where a file has become shorter meanwhile
 */
export async function* readSegments(segments: readonly Segment<string>[]): AsyncGenerator<Uint8Array> {
  for (const segment of segments) {
    if ('bytes' in segment) {
      if (segment.bytes.length > 0) yield segment.bytes;
      continue;
    }
    const { file: path, first, length } = segment;
    const file = await openPlain(path);
    try {
      for (let done = 0; done < length; ) {
        const bytes = await readBytes(file, first + done, Math.min(CHUNK, length - done));
        if (bytes.length === 0) throw new Error(`${path} is shorter than it was`);
        yield bytes;
        done += bytes.length;
      }
    } finally {
      await file.close();
    }
  }
}

const SUFFIX = '.new';
const prefixOf = (path: string): string => `.${basename(path)}.`;

/** A new path beside a file or folder, for its successor while that is written. */
export async function besides(path: string): Promise<string> {
  return join(dirname(path), `${prefixOf(path)}${await uniqueName()}${SUFFIX}`);
}

/**
 * Removes the unfinished successors of a file or folder whose writers were killed.
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
 * @param progress called with the number of bytes of each write
 * @throws the operating system's error, such as EEXIST
 */
export async function writeSegments(
  path: string,
  segments: readonly Segment<string>[],
  progress: (bytes: number) => void = () => {},
): Promise<void> {
  const target = await open(path, 'wx', 0o644);
  try {
    for await (const bytes of readSegments(segments)) {
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
