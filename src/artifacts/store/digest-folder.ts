import type { Stats } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSha256 } from '../../model/files/sha256.ts';
import { makeFolders, namesIn } from '../folders.ts';
import { TEMPORARY, writeWhole } from './write-whole.ts';

/** Age at which a temporary file counts as left by a killed process, milliseconds: writing one takes far less. */
const LEFTOVER = 60_000;

/** The entries that {@link DigestFolder.collect} removed. */
export interface Collected {
  readonly digests: readonly string[];
  /** Bytes that are free now: those of files that had no other name. */
  readonly bytes: number;
}

/**
 * A folder of files or folders that are each named by a SHA-256: versions of artifacts, recipes of composed files, hash
 * trees, blobs of images, builds. Other names in it are foreign and stay, but for leftovers of killed processes.
 */
export interface DigestFolder {
  /** The absolute path of an entry. */
  pathOf(digest: string): string;
  /**
   * The digests that have an entry; none where there is no such folder.
   * @throws the operating system's error
   */
  list(): Promise<readonly string[]>;
  /**
   * Makes the folder, and the two that hold it.
   * @throws the operating system's error
   */
  make(): Promise<void>;
  /**
   * Writes an entry, whole or not at all.
   * @throws the operating system's error
   */
  write(digest: string, data: string | Uint8Array): Promise<void>;
  /**
   * Removes the entries that are not in use, and leftovers.
   * @param inUse gets the time of an entry's last change, milliseconds since 1970
   * @throws the operating system's error
   */
  collect(now: number, inUse: (digest: string, modified: number) => boolean): Promise<Collected>;
}

/**
 * @param folder absolute; need not exist
 * @param extension the end of each name, such as `.json`
 */
export function digestFolder(folder: string, extension = ''): DigestFolder {
  const pathOf = (digest: string) => join(folder, `${digest}${extension}`);
  const digestOf = (name: string): string | undefined => {
    const digest = name.slice(0, name.length - extension.length);
    return isSha256(digest) && name.endsWith(extension) ? digest : undefined;
  };
  const make = () => makeFolders(dirname(dirname(folder)), dirname(folder), folder);
  return {
    pathOf,
    list: async () => (await namesIn(folder)).flatMap((name) => digestOf(name) ?? []),
    make,
    write: async (digest, data) => {
      await make();
      await writeWhole(pathOf(digest), data);
    },
    collect: async (now, inUse) => {
      const digests: string[] = [];
      let bytes = 0;
      for (const name of await namesIn(folder)) {
        const path = join(folder, name);
        const stats = await lstat(path).catch(() => undefined);
        const digest = digestOf(name);
        if (!stats) continue;
        if (digest === undefined) {
          if (name.endsWith(TEMPORARY) && now - stats.ctimeMs > LEFTOVER) await rm(path, { force: true });
          continue;
        }
        if (inUse(digest, stats.mtimeMs)) continue;
        const freed = await bytesOf(path, stats);
        await rm(path, { recursive: true, force: true });
        digests.push(digest);
        bytes += freed;
      }
      return { digests, bytes };
    },
  };
}

/** Bytes that removing a file or a folder frees: a file that has further names stays under those. */
async function bytesOf(path: string, stats: Stats): Promise<number> {
  if (!stats.isDirectory()) return stats.nlink === 1 ? stats.size : 0;
  const files = await Promise.all((await namesIn(path)).map((name) => lstat(join(path, name))));
  return files.reduce((sum, { size, nlink }) => sum + (nlink === 1 ? size : 0), 0);
}
