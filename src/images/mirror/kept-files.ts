import { randomUUID } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { TEMPORARY } from '../../artifacts/folders.ts';
import { type Blobs, openBlobs } from '../../artifacts/store/blobs.ts';
import { DigestFolder } from '../../artifacts/store/digest-folder.ts';
import { createHasher } from '../../artifacts/store/hash.ts';
import type { StoreServices } from '../../artifacts/store/services.ts';
import { away, type NotMirrored } from '../../model/files/mirrored.ts';

/** Bytes of the file system that are never used: a full disk stops more than this server. */
const SPARE = 256 * 1024 * 1024;
/** Kept files whose bytes are read for their digest at the same time. */
const HASHES_AT_ONCE = 2;
const DAMAGED = 'a file that was fetched from a registry holds other bytes than it did: it is fetched anew';

/** A file that arrives, and the room that it takes. */
interface Coming {
  readonly size: number;
  /** Bytes that are on disk. */
  readonly written: () => number;
}

/** The files that were fetched from registries, each named by its digest. */
export class KeptFiles {
  private readonly folder: DigestFolder;
  private readonly blobs: Blobs;
  private readonly coming = new Set<Coming>();

  private constructor(folder: DigestFolder, blobs: Blobs) {
    this.folder = folder;
    this.blobs = blobs;
  }

  /**
   * Opens the folder. What an earlier run left is read for its digest before it is used.
   * @param path absolute and without symbolic links; need not exist
   */
  static async open(path: string, services: Omit<StoreServices, 'hash'>): Promise<KeptFiles> {
    const hash = createHasher(HASHES_AT_ONCE);
    const blobs = await openBlobs(path, new Map(), { ...services, hash }, DAMAGED);
    return new KeptFiles(new DigestFolder(path), blobs);
  }

  /** Opens a file whose bytes are those of its digest; undefined where there is none. */
  openKept(digest: string) {
    return this.blobs.open(digest);
  }

  /**
   * Makes room for a file, by removing those that nobody has used for longest.
   * @param limit bytes of all files
   * @returns a function that gives the room back; or why there is none
   */
  async reserve(coming: Coming, limit: number): Promise<(() => void) | NotMirrored> {
    await this.folder.make();
    const { bavail, bsize } = await statfs(this.folder.path);
    let sizes = coming.size;
    let unwritten = coming.size;
    for (const { size, written } of this.coming) {
      sizes += size;
      unwritten += size - written();
    }
    // At once, as others may ask while files are removed.
    this.coming.add(coming);
    const allowed = Math.min(limit - sizes, this.blobs.bytes() + bavail * bsize - SPARE - unwritten);
    await this.blobs.trim(allowed);
    if (allowed >= 0 && this.blobs.bytes() <= allowed) return () => this.coming.delete(coming);
    this.coming.delete(coming);
    const why = `there is no room for its ${coming.size} bytes: raise server.registry.limit, or free disk space`;
    return away(why);
  }

  /** The path of a new file that arrives for a digest. A killed server's are removed at the next start. */
  temporaryFor(digest: string): string {
    return join(this.folder.path, `${digest}.${randomUUID()}${TEMPORARY}`);
  }

  /** Keeps a file whose bytes were checked while they were written, which then has this path no longer. */
  async keep(digest: string, size: number, temporary: string) {
    return this.blobs.adopt(digest, size, temporary);
  }
}
