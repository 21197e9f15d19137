import type { Stats } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSha256 } from '../../model/files/sha256.ts';
import { makeFolders, namesIn, TEMPORARY, writeWhole } from '../folders.ts';

/** Age at which a temporary file counts as left by a killed process, milliseconds: writing one takes far less. */
const LEFTOVER = 60_000;

/**
 * A folder of files or folders that are each named by a SHA-256: versions of artifacts, recipes of composed files, hash
 * trees, blobs of images, builds. Other names in it are foreign and stay, but for leftovers of killed processes.
 * Whatever fails throws the operating system's error.
 */
export class DigestFolder {
  readonly path: string;
  private readonly extension: string;

  /**
   * @param path absolute; need not exist
   * @param extension the end of each name, such as `.json`
   */
  constructor(path: string, extension = '') {
    this.path = path;
    this.extension = extension;
  }

  /** The absolute path of an entry. */
  pathOf(digest: string): string {
    return join(this.path, `${digest}${this.extension}`);
  }

  /** The digests that have an entry; none where there is no such folder. */
  async list(): Promise<readonly string[]> {
    return (await namesIn(this.path)).flatMap((name) => this.digestOf(name) ?? []);
  }

  /** Makes the folder, and the two that hold it. */
  async make(): Promise<void> {
    await makeFolders(dirname(dirname(this.path)), dirname(this.path), this.path);
  }

  /** Writes an entry, whole or not at all. */
  async write(digest: string, data: string | Uint8Array): Promise<void> {
    await this.make();
    await writeWhole(this.pathOf(digest), data);
  }

  /**
   * Removes the entries that are not in use, and leftovers.
   * @param now milliseconds since 1970
   * @param inUse gets the time of an entry's last change, milliseconds since 1970
   * @returns the removed digests, and the bytes that are free now: those of files that had no other name
   */
  async collect(now: number, inUse: (digest: string, modified: number) => boolean) {
    const removed = { digests: [] as string[], bytes: 0 };
    for (const name of await namesIn(this.path)) {
      const path = join(this.path, name);
      const digest = this.digestOf(name);
      const stats = await lstat(path).catch(() => undefined);
      if (!stats) continue;
      if (digest === undefined) {
        if (name.endsWith(TEMPORARY) && now - stats.ctimeMs > LEFTOVER) await rm(path, { force: true });
      } else if (!inUse(digest, stats.mtimeMs)) {
        removed.bytes += await bytesOf(path, stats);
        await rm(path, { recursive: true, force: true });
        removed.digests.push(digest);
      }
    }
    return removed;
  }

  private digestOf(name: string): string | undefined {
    const digest = name.slice(0, name.length - this.extension.length);
    return isSha256(digest) && name.endsWith(this.extension) ? digest : undefined;
  }
}

/** Bytes that removing a file or a folder frees: a file that has further names stays under those. */
async function bytesOf(path: string, stats: Stats): Promise<number> {
  if (!stats.isDirectory()) return stats.nlink === 1 ? stats.size : 0;
  const files = await Promise.all((await namesIn(path)).map((name) => lstat(join(path, name))));
  return files.reduce((sum, { size, nlink }) => sum + (nlink === 1 ? size : 0), 0);
}
