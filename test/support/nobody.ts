import { chmod } from 'node:fs/promises';

/** The user that owns nothing, by Debian's numbers. */
const NOBODY = 65_534;

/**
 * Runs something as a user who is not root, to whom the file system says no. Where the tests do not run as root they run
 * as such a user anyway.
 * @param folders made accessible first: test folders are root's own
 */
export async function asNobody<T>(folders: readonly string[], action: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return action();
  for (const folder of folders) await chmod(folder, 0o755);
  process.seteuid?.(NOBODY);
  try {
    return await action();
  } finally {
    process.seteuid?.(0);
  }
}
