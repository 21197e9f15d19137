import { realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A folder to be watched, without symbolic links, and the paths that each name in it decides. */
export interface WatchedFolder {
  readonly folder: string;
  /** Of this very folder: another may have its path later. */
  readonly inode: number;
  readonly names: Map<string, Set<string>>;
}

/**
 * The folders in which a change can alter what paths mean: those on the way to each, and that of the file itself. None
 * outside the root, wherever links lead.
 * @param root absolute and without symbolic links
 * @param paths below it
 * @param max folders
 * @returns the folders by path, and whether there were more of them
 */
export async function foldersTo(
  root: string,
  paths: readonly string[],
  max: number,
): Promise<{ readonly folders: ReadonlyMap<string, WatchedFolder>; readonly full: boolean }> {
  const folders = new Map<string, WatchedFolder>();
  let full = false;

  /** Notes that a name in a folder decides a path; false where there is no such folder, or no room for it. */
  const note = async (folder: string, name: string, path: string): Promise<boolean> => {
    if (folder !== root && !folder.startsWith(`${root}/`)) return false;
    let known = folders.get(folder);
    if (!known) {
      const found = await stat(folder).catch(() => undefined);
      if (!found?.isDirectory()) return false;
      if (folders.size >= max) {
        full = true;
        return false;
      }
      known = { folder, inode: found.ino, names: new Map() };
      folders.set(folder, known);
    }
    const decided = known.names.get(name) ?? new Set();
    known.names.set(name, decided.add(path));
    return true;
  };

  for (const path of paths) {
    let folder: string | undefined = root;
    for (const part of path.split('/')) {
      if (folder === undefined || !(await note(folder, part, path))) break;
      const real: string | undefined = await realpath(join(folder, part)).catch(() => undefined);
      // A file that is a link: what it leads to may be exchanged in a folder that is not on the way.
      if (real !== undefined && dirname(real) !== folder)
        await note(dirname(real), real.slice(dirname(real).length + 1), path);
      folder = real;
    }
  }
  return { folders, full };
}
