import { lstat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenFile } from '../../model/files/open-file.ts';
import { isInability, removeUnneeded } from '../folders.ts';
import { type LocatedFile, openInside, withOnClose } from '../open-file.ts';
import { singleFlight } from '../single-flight.ts';
import { DigestFolder } from './digest-folder.ts';
import { duplicate } from './duplicate.ts';
import { fetchedFiles } from './fetched-files.ts';
import type { Pinned } from './index-file.ts';
import type { StoreServices } from './services.ts';
import {
  type Blob,
  type FileVersion,
  relate,
  sameBytes,
  sameFile,
  tickLeft,
  versionAt,
  versionTag,
} from './version.ts';

/** Why a kept file may be another than it was. */
const OVERWRITTEN =
  'a file was overwritten in place while nodes still need its old version: ' +
  'replace artifacts by renaming the new file over the old one';

/** The folder of pinned versions, each named by its digest. */
export type Blobs = Awaited<ReturnType<typeof openBlobs>>;

/**
 * Opens the folder of pinned versions and lists those that an earlier run left.
 * @param path of the folder, absolute and without symbolic links; need not exist
 * @param known the entries that the earlier run wrote down
 * @param lost the message where a kept file holds other bytes
 */
export async function openBlobs(
  path: string,
  known: ReadonlyMap<string, Pinned>,
  { hash, record, now, monotonic }: StoreServices,
  lost = OVERWRITTEN,
) {
  const folder = new DigestFolder(path);
  const blobs = new Map<string, Blob>();
  const verifying = new Map<string, Promise<boolean>>();

  /** The entry of a digest, made where there is none. */
  const entryOf = (digest: string, size: number): Blob => {
    const present = blobs.get(digest);
    if (present) return present;
    const blob: Blob = { size, version: undefined, kept: false, readers: 0, lastUsed: monotonic() };
    blobs.set(digest, blob);
    return blob;
  };

  // Only leftovers are removed. tidy has warned of a folder that cannot be read.
  await folder.collect(now(), () => true).catch(() => {});
  for (const digest of await folder.list().catch(() => [])) {
    const stats = await lstat(folder.pathOf(digest)).catch(() => undefined);
    // One that the index does not know is verified when it is first opened.
    if (stats?.isFile())
      Object.assign(entryOf(digest, stats.size), { version: known.get(digest)?.version, kept: true });
  }

  /** Reads a file whose content is in doubt, once for all who wait. */
  const hasDigest = (digest: string, file: OpenFile, version: FileVersion): Promise<boolean> =>
    singleFlight(verifying, `${digest} ${versionTag(version)}`, async () => {
      await delay(tickLeft(version, now()));
      return (await hash(file)) === digest;
    });

  /** Tells whether a file in some version has the bytes of the known one: by the stamps, or else by its digest. */
  const isWhole = async (
    digest: string,
    known: FileVersion | undefined,
    { file }: LocatedFile,
    version: FileVersion,
  ): Promise<boolean> => {
    if (known && sameBytes(known, version)) return true;
    if (known && relate(known, version) === 'changed') return false;
    const blob = blobs.get(digest);
    // Its stamps may have moved because the store itself made a link of it.
    if (blob?.version && sameBytes(blob.version, version)) return true;
    const good = await hasDigest(digest, file, version);
    if (good && blob?.version && sameFile(blob.version, version)) blob.version = version;
    return good;
  };

  /**
   * Makes a reader of a file that is open already; closes the file where it holds other bytes.
   * @param known the file's version when its bytes had the digest; undefined where that is not known
   * @returns undefined for other bytes
   */
  const openFound = async (
    digest: string,
    known: FileVersion | undefined,
    found: LocatedFile,
  ): Promise<OpenFile | undefined> => {
    let good = false;
    try {
      good = await isWhole(digest, known, found, found.version);
    } finally {
      if (!good) await found.file.close();
    }
    if (!good) return undefined;
    const blob = entryOf(digest, found.file.size);
    blob.readers += 1;
    const check = (version: FileVersion) => isWhole(digest, found.version, found, version);
    return withOnClose(found.verified(digest, check), digest, () => {
      blob.readers -= 1;
      blob.lastUsed = monotonic();
    });
  };

  /** Gives up a kept file that was overwritten. */
  const discard = async (digest: string, blob: Blob): Promise<void> => {
    blob.kept = false;
    await removeUnneeded(folder.pathOf(digest));
    record({ event: 'artifact.lost', level: 'warn', message: lost, digest });
  };

  /** Opens a kept version; undefined where its bytes are not there any more. */
  const open = async (digest: string): Promise<OpenFile | undefined> => {
    const blob = blobs.get(digest);
    if (!blob?.kept) return undefined;
    const found = await openInside(path, digest).catch((error: Error) => {
      if (!isInability(error)) throw error;
      return undefined;
    });
    if (!found?.ok) {
      blob.kept = false;
      return undefined;
    }
    const file = await openFound(digest, blob.version, found);
    if (file) blob.version = found.version;
    else await discard(digest, blob);
    return file;
  };

  /** One inode has one content: drops other digests that it is kept for, whose overwriting the new link would hide. */
  const discardOverwritten = async (digest: string, version: FileVersion): Promise<void> => {
    for (const [other, blob] of blobs) {
      if (other === digest || !blob.kept || !blob.version || !sameFile(blob.version, version)) continue;
      await discard(other, blob);
    }
  };

  /**
   * Keeps the bytes of an open file under their digest, whatever becomes of their path: by a reflink, which nothing
   * else can write to, or by a hard link, whose changes {@link open} detects, or not at all where neither is possible.
   * @returns the file's version then, which a link has moved; undefined if it was touched before its bytes were kept
   */
  const keep = async (digest: string, source: LocatedFile): Promise<FileVersion | undefined> => {
    await discardOverwritten(digest, source.version);
    const target = folder.pathOf(digest);
    const known = blobs.get(digest);
    const present = known?.kept ? await versionAt(target) : undefined;
    if (known && present && sameBytes(source.version, present)) {
      known.version = present;
      return present;
    }
    const earlier = await open(digest);
    if (earlier) {
      await earlier.close();
      return source.version;
    }
    const blob = entryOf(digest, source.file.size);
    const about = { digest, path: source.realPath };
    try {
      await folder.make();
      const made = await duplicate(source, target);
      if (made === undefined) return undefined;
      Object.assign(blob, { version: made.version, kept: true });
      record({ event: 'artifact.kept', level: 'debug', message: `kept a version by ${made.how}`, ...about });
      return made.how === 'hard link' ? (made.version ?? source.version) : source.version;
    } catch (error) {
      if (!isInability(error)) throw error;
      const message =
        `cannot keep versions under ${folder.path} (${(error as Error).message}): ` +
        'nodes that still need the old version of a file when it is replaced will fail';
      record({ event: 'artifact.unkept', level: 'warn', message, ...about });
      return source.version;
    }
  };

  /** Removes the versions that are not in use and were not handed out or read for so many milliseconds. */
  const collect = async (inUse: ReadonlySet<string>, unusedMs: number): Promise<void> => {
    const unused = new Set<string>();
    for (const [digest, { readers, lastUsed }] of blobs) {
      if (inUse.has(digest) || readers > 0 || monotonic() - lastUsed < unusedMs) continue;
      blobs.delete(digest);
      unused.add(digest);
    }
    // Other processes may keep versions here too; and one may have been kept anew meanwhile.
    const { digests } = await folder.collect(now(), (digest) => !unused.has(digest) || blobs.has(digest));
    for (const digest of digests)
      record({ event: 'artifact.collected', level: 'debug', message: 'removed a version that nothing uses', digest });
  };

  return {
    keep,
    open,
    openFound,
    collect,
    ...fetchedFiles(blobs, entryOf, folder, { record, monotonic }),

    /** True for a digest that was pinned here and is not forgotten. */
    has: (digest: string) => blobs.has(digest),

    /** Notes that a digest was handed out. */
    use: (digest: string) => {
      const blob = blobs.get(digest);
      if (blob) blob.lastUsed = monotonic();
    },

    /** The kept files that are verified. */
    entries: (): ReadonlyMap<string, Pinned> =>
      new Map(
        [...blobs].flatMap(([digest, { kept, version, size }]) =>
          kept && version ? [[digest, { pin: { digest, size }, version }] as const] : [],
        ),
      ),
  };
}
