import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { PASSING_ERRORS } from '../model/plain-error.ts';

/**
 * Tells whether an error is of a file system that is full, read-only, damaged, or lacks a feature. The store serves all
 * the same then, and only keeps nothing.
 */
export function isInability(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall !== undefined && !PASSING_ERRORS.has(code ?? '');
}

/**
 * Makes folders that may be there already, outermost first. Not by mkdir's own recursion, which says ENOENT on a
 * read-only file system.
 * @throws the operating system's error
 */
export async function makeFolders(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/**
 * The names in a folder, in order; none where there is no such folder.
 * @throws the operating system's error
 */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Removes a file or folder. What cannot be removed takes room and does no other harm. */
export async function removeUnneeded(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}

/** How the names of files end that are being written, and so those that a killed process leaves. */
export const TEMPORARY = '.new';

/**
 * Writes a file in one step: a reader sees the old one or the new one. Another process, such as `slipway script`, may
 * write its own at the same time.
 * @throws the operating system's error
 */
export async function writeWhole(file: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${file}.${randomUUID()}${TEMPORARY}`;
  try {
    await writeFile(temporary, data);
    await rename(temporary, file);
  } catch (error) {
    // The removal may fail for the same reason; the first error tells more.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}
