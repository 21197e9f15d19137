import { mkdir } from 'node:fs/promises';

/** The errors that say that a file system cannot do a thing, as opposed to failing at it. */
const CANNOT = new Set([
  'ENOTSUP',
  'EOPNOTSUPP',
  'EXDEV',
  'EINVAL',
  'ENOTTY',
  'ENOSYS',
  'EPERM',
  'EACCES',
  'EROFS',
  'EMLINK',
]);

/** Whether an error is one of those that an unable or read-only file system gives. */
export function isInability(error: unknown): boolean {
  return CANNOT.has((error as NodeJS.ErrnoException).code ?? '');
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
