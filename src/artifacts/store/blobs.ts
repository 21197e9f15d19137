import { randomUUID } from 'node:crypto';
import { constants, linkSync, renameSync, rmSync } from 'node:fs';
import { chmod, copyFile, lstat, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordEvent } from '../../model/event.ts';
import type { OpenFile } from '../../model/files/open-file.ts';
import { isSha256 } from '../../model/files/sha256.ts';
import { isInability, makeFolders, removeUnneeded } from '../folders.ts';
import { type Located, openInside, verified, withOnClose } from '../open-file.ts';
import { singleFlight } from '../single-flight.ts';
import type { Hasher } from './hash.ts';
import type { Pinned } from './index-file.ts';
import { versionAt, versionAtNow } from './stat.ts';
import { type FileVersion, relate, sameBytes, sameFile, sameStamp, tickLeft, versionTag } from './version.ts';

/** Milliseconds after which a file that was being made counts as given up: making one takes none. */
const LEFTOVER = 60_000;

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
 * @param folder absolute and without symbolic links; need not exist
 * @param known the entries that the earlier run wrote down
 */
export async function openBlobs(
  folder: string,
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
  const blobs = await takeStock(folder, known, now(), monotonic());
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
    await removeUnneeded(join(folder, digest));
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
    const found = await openInside(folder, digest).catch((error: Error) => {
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
    const present = known?.kept ? await versionAt(join(folder, digest)) : undefined;
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
    const path = join(folder, digest);
    const temporary = join(folder, `${randomUUID()}.new`);
    let { version } = source;
    try {
      const how = await duplicate(source, temporary, path);
      if (how === undefined) return undefined;
      blob.version = versionAtNow(path);
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
        message: `cannot keep versions under ${folder} (${(error as Error).message}): nodes that still need the old version of a file when it is replaced will fail`,
        digest,
        path: source.realPath,
      });
    } finally {
      await rm(temporary, { force: true }).catch(() => {});
    }
    return version;
  };

  const collect = async (inUse: ReadonlySet<string>, unusedMs: number): Promise<void> => {
    for (const [digest, blob] of blobs) {
      if (inUse.has(digest) || blob.readers > 0 || monotonic() - blob.lastUsed < unusedMs) continue;
      blobs.delete(digest);
      await removeUnneeded(join(folder, digest));
      record({ event: 'artifact.collected', level: 'debug', message: 'removed a version that nothing uses', digest });
    }
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
  folder: string,
  known: ReadonlyMap<string, Pinned>,
  now: number,
  lastUsed: number,
): Promise<Map<string, Blob>> {
  const blobs = new Map<string, Blob>();
  // tidy has told of a folder that cannot be read.
  for (const name of await readdir(folder).catch(() => [])) {
    if (isSha256(name)) {
      const stats = await lstat(join(folder, name)).catch(() => undefined);
      if (!stats?.isFile()) continue;
      const { size } = stats;
      blobs.set(name, { size, version: known.get(name)?.version, kept: true, readers: 0, lastUsed });
    } else if (name.endsWith('.new')) {
      await removeLeftover(join(folder, name), now);
    }
  }
  return blobs;
}

/** Removes what a process that was killed left behind, and leaves what another one is making now. */
async function removeLeftover(path: string, now: number): Promise<void> {
  try {
    if (now - (await stat(path)).ctimeMs > LEFTOVER) await rm(path, { force: true });
  } catch {
    // Somebody else was quicker, or the folder cannot be written: neither does harm.
  }
}

/** Makes a second name or an unshared copy of an open file's bytes; undefined if they were touched before that. */
async function duplicate(
  { file, version, realPath }: Located,
  temporary: string,
  target: string,
): Promise<'reflink' | 'hard link' | undefined> {
  const folder = dirname(target);
  await makeFolders(dirname(dirname(folder)), dirname(folder), folder);
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
