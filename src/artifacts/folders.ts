import { mkdir, rm } from 'node:fs/promises';
import { PASSING_ERRORS } from '../model/plain-error.ts';

/**
 * Whether an error is one of those that an unable, full, read-only or damaged file system gives. Nodes get what the
 * store serves all the same: only what it would keep is lost.
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

/** Removes what is not needed any more. Where that cannot be done it takes room, and does no other harm. */
export async function removeUnneeded(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}
