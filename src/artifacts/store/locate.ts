import { stat } from 'node:fs/promises';
import type { RecordEvent } from '../../model/event.ts';
import type { NotOpened } from '../../model/files/open-file.ts';
import { type LocatedFile, openInside } from '../open-file.ts';

/**
 * Opens a file by its path below the artifacts folder, from safePath.
 * @throws the operating system's error where the folder itself fails
 */
export type Locate = (path: string) => Promise<LocatedFile | NotOpened>;

/**
 * @param root the artifacts folder, absolute and without symbolic links
 * @param own the store's own folder in it, which is hidden, behind links too
 */
export async function createLocate(root: string, own: string, record: RecordEvent): Promise<Locate> {
  const { dev } = await stat(root);
  return async (path) => {
    const found = await openInside(root, path);
    if (found.ok) {
      if (!found.realPath.startsWith(`${own}/`)) return found;
      await found.file.close();
      return { ok: false, reason: 'missing', why: 'no such file' };
    }
    // A folder that went away, or whose file system was unmounted, must not look like a file that is not there.
    if (found.reason === 'missing' && (await stat(root)).dev !== dev)
      throw Object.assign(new Error(`${root} is on another file system than at the start`), { code: 'ESTALE' });
    if (found.reason === 'refused')
      record({ event: 'artifact.refused', level: 'warn', message: `refused: ${found.why}`, path });
    return found;
  };
}
