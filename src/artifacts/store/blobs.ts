import { randomUUID } from 'node:crypto';
import { constants, linkSync, renameSync, rmSync } from 'node:fs';
import { chmod, copyFile, lstat, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordEvent } from '../../model/event.ts';
import type { OpenFile } from '../../model/files/open-file.ts';
import { isInability, removeUnneeded } from '../folders.ts';
import { type Located, openInside, verified, withOnClose } from '../open-file.ts';
import { singleFlight } from '../single-flight.ts';
import { type DigestFolder, digestFolder } from './digest-folder.ts';
import type { Hasher } from './hash.ts';
import type { Pinned } from './index-file.ts';
import { versionAt, versionAtNow } from './stat.ts';
import { type FileVersion, relate, sameBytes, sameFile, sameStamp, tickLeft, versionTag } from './version.ts';
import { TEMPORARY } from './write-whole.ts';

/** A version of a file that was pinned once. */
interface Blob {
  readonly size: number;
  /** The kept file as last seen; undefined until its content is verified. */
  version: FileVersion | undefined;
  /** Whether there is a kept file. */
  kept: boolean;
  /** Downloads that run. */
  readers: number;
  /** When it was last handed out or read, milliseconds of a clock that never goes back. */
  lastUsed: number;
}

/** The folder of pinned versions, each named by its digest. */
export interface Blobs {
  /** Whether a digest was ever pinned here and is not forgotten. */
  has(digest: string): boolean;
  /** Notes that a digest was handed out. */
  use(digest: string): void;
  /**
   * Keeps the bytes of an open file under their digest, whatever becomes of their path: by a reflink, which nothing
   * else can write to, or by a hard link, whose changes {@link open} detects, or not at all where neither is possible.
   * @returns the file's version then, which a link has moved; undefined if it was touched before its bytes were kept
   */
  keep(digest: string, source: Located): Promise<FileVersion | undefined>;
  /** Opens a kept version; undefined where its bytes are not there any more. */
  open(digest: string): Promise<OpenFile | undefined>;
  /**
   * Hands out a version that was found elsewhere, and counts its reader.
   * @param known the file when its bytes had the digest
   * @returns undefined where it holds other bytes by now; the file is still open then
   */
  lend(digest: string, known: FileVersion, found: Located): Promise<OpenFile | undefined>;
  /** Removes what is neither in use nor was lately. */
  collect(inUse: ReadonlySet<string>, unusedMs: number): Promise<void>;
  /** What is known of the kept files. */
  entries(): ReadonlyMap<string, Pinned>;
}

/**
 * Opens the folder and takes stock of what an earlier run left.
 * @param path of the folder, absolute and without symbolic links; need not exist
 * @param known the entries that the earlier run wrote down
 */
export async function openBlobs(
  path: string,
  known: ReadonlyMap<string, Pinned>,
  deps: {
    readonly hash: Hasher;
    readonly record: RecordEvent;
    /** Milliseconds since 1970. */
    readonly now: () => number;
    /** Milliseconds of a clock that never goes back. */
    readonly monotonic: () => number;
  },
): Promise<Blobs> {
  const { hash, record, now, monotonic } = deps;
  const folder = digestFolder(path);
  // The daemon has told of a folder that cannot be read or written.
  await folder.collect(now(), () => true).catch(() => {});
  const blobs = await takeStock(folder, known, monotonic());
  const verifying = new Map<string, Promise<boolean>>();

  const handOut = (digest: string, found: Located): OpenFile => {
    const blob = blobs.get(digest) ?? add(digest, found.file.size);
    blob.readers += 1;
    const check = (version: FileVersion) => whole(digest, found.version, found, version);
    return withOnClose(verified(found, digest, check), digest, () => {
      blob.readers -= 1;
      blob.lastUsed = monotonic();
    });
  };

  const add = (digest: string, size: number): Blob => {
    const blob: Blob = { size, version: undefined, kept: false, readers: 0, lastUsed: monotonic() };
    blobs.set(digest, blob);
    return blob;
  };

  /** Reads a file whose content is in doubt, once for all who wait. */
  const verify = (digest: string, file: OpenFile, version: FileVersion): Promise<boolean> =>
    singleFlight(verifying, `${digest} ${versionTag(version)}`, async () => {
      await delay(tickLeft(version, now()));
      return (await hash(file)) === digest;
    });

  /** Whether a file in some version holds what it held in a known one: told by the stamps, or by its digest. */
  const whole = async (
    digest: string,
    known: FileVersion | undefined,
    { file }: Located,
    version: FileVersion,
  ): Promise<boolean> => {
    if (known && sameBytes(known, version)) return true;
    if (known && relate(known, version) === 'changed') return false;
    const blob = blobs.get(digest);
    // Its stamps may have moved because the store itself made a link of it.
    if (blob?.version && sameBytes(blob.version, version)) return true;
    const good = await verify(digest, file, version);
    if (good && blob?.version && sameFile(blob.version, version)) blob.version = version;
    return good;
  };

  /** Gives up a kept file that was overwritten. */
  const discard = async (digest: string, blob: Blob): Promise<void> => {
    blob.kept = false;
    await removeUnneeded(folder.pathOf(digest));
    record({
      event: 'artifact.lost',
      level: 'warn',
      message:
        'a file was overwritten in place while nodes still need its old version: replace artifacts by renaming the new file over the old one',
      digest,
    });
  };

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
    try {
      if (await whole(digest, blob.version, found, found.version)) {
        blob.version = found.version;
        return handOut(digest, found);
      }
    } catch (error) {
      await found.file.close();
      throw error;
    }
    await found.file.close();
    await discard(digest, blob);
    return undefined;
  };

  /** A file has one content: what it was kept for before was overwritten, though the new link hides that from relate. */
  const disown = async (digest: string, version: FileVersion): Promise<void> => {
    for (const [other, blob] of blobs) {
      if (other === digest || !blob.kept || !blob.version || !sameFile(blob.version, version)) continue;
      await discard(other, blob);
    }
  };

  const keep = async (digest: string, source: Located): Promise<FileVersion | undefined> => {
    await disown(digest, source.version);
    const known = blobs.get(digest);
    const present = known?.kept ? await versionAt(folder.pathOf(digest)) : undefined;
    if (known && present && sameBytes(source.version, present)) {
      known.version = present;
      return present;
    }
    const earlier = await open(digest);
    if (earlier) {
      await earlier.close();
      return source.version;
    }
    const blob = blobs.get(digest) ?? add(digest, source.file.size);
    const target = folder.pathOf(digest);
    const temporary = `${target}.${randomUUID()}${TEMPORARY}`;
    let { version } = source;
    try {
      await folder.make();
      const how = await duplicate(source, temporary, target);
      if (how === undefined) return undefined;
      blob.version = versionAtNow(target);
      if (how === 'hard link') version = blob.version ?? version;
      blob.kept = true;
      record({
        event: 'artifact.kept',
        level: 'debug',
        message: `kept a version by ${how}`,
        digest,
        path: source.realPath,
      });
    } catch (error) {
      if (!isInability(error)) throw error;
      record({
        event: 'artifact.unkept',
        level: 'warn',
        message: `cannot keep versions under ${path} (${(error as Error).message}): nodes that still need the old version of a file when it is replaced will fail`,
        digest,
        path: source.realPath,
      });
    } finally {
      await rm(temporary, { force: true }).catch(() => {});
    }
    return version;
  };

  const collect = async (inUse: ReadonlySet<string>, unusedMs: number): Promise<void> => {
    const isUnused = ({ readers, lastUsed }: Blob) => readers === 0 && monotonic() - lastUsed >= unusedMs;
    const unused = new Set<string>();
    for (const [digest, blob] of blobs) {
      if (inUse.has(digest) || !isUnused(blob)) continue;
      blobs.delete(digest);
      unused.add(digest);
    }
    // Other processes may keep versions here too; and one may have been kept anew meanwhile.
    const { digests } = await folder.collect(now(), (digest) => !unused.has(digest) || blobs.has(digest));
    for (const digest of digests)
      record({ event: 'artifact.collected', level: 'debug', message: 'removed a version that nothing uses', digest });
  };

  return {
    has: (digest) => blobs.has(digest),
    use: (digest) => {
      const blob = blobs.get(digest);
      if (blob) blob.lastUsed = monotonic();
    },
    keep,
    open,
    lend: async (digest, known, found) =>
      (await whole(digest, known, found, found.version)) ? handOut(digest, found) : undefined,
    collect,
    entries: () => {
      const entries = new Map<string, Pinned>();
      for (const [digest, { kept, version, size }] of blobs) {
        if (kept && version) entries.set(digest, { pin: { digest, size }, version });
      }
      return entries;
    },
  };
}

/** Finds the kept files; one that the index does not know is verified when somebody asks for it. */
async function takeStock(
  folder: DigestFolder,
  known: ReadonlyMap<string, Pinned>,
  lastUsed: number,
): Promise<Map<string, Blob>> {
  const blobs = new Map<string, Blob>();
  for (const digest of await folder.list().catch(() => [])) {
    const stats = await lstat(folder.pathOf(digest)).catch(() => undefined);
    if (!stats?.isFile()) continue;
    const { size } = stats;
    blobs.set(digest, { size, version: known.get(digest)?.version, kept: true, readers: 0, lastUsed });
  }
  return blobs;
}

/** Makes a second name or an unshared copy of an open file's bytes; undefined if they were touched before that. */
async function duplicate(
  { file, version, realPath }: Located,
  temporary: string,
  target: string,
): Promise<'reflink' | 'hard link' | undefined> {
  try {
    await copyFile(`/proc/self/fd/${file.fd}`, temporary, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    await chmod(temporary, 0o444);
    if (!(await file.intact())) return undefined;
    renameSync(temporary, target);
    return 'reflink';
  } catch (error) {
    await rm(temporary, { force: true });
    if (!isInability(error)) throw error;
  }
  // Without a pause in between: each of these moves ctime, which would hide that somebody else moves it.
  if (!file.intactNow()) return undefined;
  try {
    linkSync(realPath, temporary);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  // The path may have come to mean another file since it was opened.
  const linked = versionAtNow(temporary);
  if (!linked || !sameStamp(version, linked)) return undefined;
  renameSync(temporary, target);
  // Renaming a hard link over another of the same file does nothing: rename(2).
  rmSync(temporary, { force: true });
  return 'hard link';
}
