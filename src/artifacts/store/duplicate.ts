import { randomUUID } from 'node:crypto';
import { constants, linkSync, renameSync, rmSync } from 'node:fs';
import { chmod, copyFile, rm } from 'node:fs/promises';
import { isInability, TEMPORARY } from '../folders.ts';
import type { LocatedFile } from '../open-file.ts';
import { type FileVersion, sameStamp, versionAtNow } from './version.ts';

/** A second name, or an unshared copy, of a file. */
export interface Duplicate {
  readonly how: 'reflink' | 'hard link';
  readonly version: FileVersion | undefined;
}

/**
 * Gives an open file's bytes another name: by a reflink, or by a hard link where the file system has none.
 * @param target absolute, in a folder that exists
 * @returns undefined if the bytes were touched before that
 * @throws the operating system's error
 */
export async function duplicate(
  { file, version, realPath }: LocatedFile,
  target: string,
): Promise<Duplicate | undefined> {
  const temporary = `${target}.${randomUUID()}${TEMPORARY}`;
  const finish = (how: Duplicate['how']): Duplicate => {
    renameSync(temporary, target);
    // Renaming a hard link over another of the same file does nothing: rename(2).
    rmSync(temporary, { force: true });
    return { how, version: versionAtNow(target) };
  };
  try {
    try {
      await copyFile(`/proc/self/fd/${file.fd}`, temporary, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
      await chmod(temporary, 0o444);
      return (await file.intact()) ? finish('reflink') : undefined;
    } catch (error) {
      await rm(temporary, { force: true });
      if (!isInability(error)) throw error;
    }
    // Without a pause from here on: each step moves ctime, which would hide that another program moves it.
    if (!file.intactNow()) return undefined;
    linkSync(realPath, temporary);
    // The path may have come to mean another file since it was opened.
    const linked = versionAtNow(temporary);
    return linked && sameStamp(version, linked) ? finish('hard link') : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}
