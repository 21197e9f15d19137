import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type FileVersion, versionOf } from './version.ts';

/**
 * The version of the file at a path, links followed; undefined where there is none.
 * @throws the operating system's error for all else
 */
export async function versionAt(path: string): Promise<FileVersion | undefined> {
  try {
    return versionOf(await stat(path, { bigint: true }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}

/** The same at once, for a file that the store has just made. */
export function versionAtNow(path: string): FileVersion | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && versionOf(stats);
}
