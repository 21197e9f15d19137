import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pin } from '../../model/boot/boot-plan.ts';
import type { RecordEvent } from '../../model/event.ts';
import type { NotOpened, OpenResult } from '../../model/files/open-file.ts';
import { openMadeFiles, type Piece } from '../composed/composed-files.ts';
import { openTrees, type Trees } from '../composed/verity-trees.ts';
import { isInability, makeFolders } from '../folders.ts';
import { type Located, openInside } from '../open-file.ts';
import { safePath } from '../path.ts';
import { singleFlight } from '../single-flight.ts';
import { tidy } from '../tidy.ts';
import { openBlobs } from './blobs.ts';
import { createHasher } from './hash.ts';
import { type Pinned, readIndex, writeIndex } from './index-file.ts';
import { versionAt } from './stat.ts';
import { type FileVersion, sameBytes, sameFile, tickLeft } from './version.ts';

/** The store's own folder below the artifacts. */
const OWN = '.slipway';
/** Images hashed at the same time. */
const HASHES_AT_ONCE = 2;
/** How long a caller waits for a file that is being written, milliseconds. */
const PATIENCE = 30_000;
/** How long a version that nothing names stays after it was last handed out or read, milliseconds. */
const UNUSED = 60 * 60 * 1000;

/** Blobs of images that were built: hidden as all that begins with a dot, but versions of them may be pinned. */
const IMAGE_BLOB = /^\.images\/blobs\/sha256\/[0-9a-f]{64}$/;

/** What came of pinning a file. `busy`: it is still being written and no earlier version can stand in. */
export type PinResult =
  | { readonly ok: true; readonly pin: Pin }
  | { readonly ok: false; readonly reason: NotOpened['reason'] | 'busy'; readonly why: string };

/** Settings and means of {@link openStore}. */
export interface StoreOptions {
  /** The artifacts folder. */
  readonly root: string;
  readonly record: RecordEvent;
  /** Milliseconds since 1970, on the clock that stamps files. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** A file whose last write is younger than this may still be being written, milliseconds. */
  readonly settleMs: number;
  /** For tests: instead of 30 s of waiting for a file that is being written. */
  readonly patienceMs?: number;
}

/** The artifacts folder: files by path, and versions of them by digest. */
export interface Store {
  /** The folder, absolute and without symbolic links. */
  readonly root: string;
  /**
   * Opens a file by its path below the folder. Its digest is set where this very version is pinned.
   * @throws the operating system's error where the store itself fails, never for a file that is not there
   */
  open(path: string): Promise<OpenResult>;
  /** Opens a version by its SHA-256 (64 lower-case hex digits), whatever has become of the path that it was pinned from. */
  openBlob(digest: string): Promise<OpenResult>;
  /**
   * The version of a file that is in force: the present one, hashed once however many ask; while it is being written
   * the one before, if that is still whole.
   */
  pin(path: string): Promise<PinResult>;
  /**
   * The version of a file that is put together from versions pinned here, and read so by {@link openBlob}.
   * @param origin what decides the pieces
   * @param pieces asked for where the origin is new; undefined if there is nothing to put together
   * @throws what it throws, and an error that says why where one of the versions is not there any more
   */
  pinMade(origin: string, pieces: () => Promise<readonly Piece[] | undefined>): Promise<Pin | undefined>;
  /** Notes that a digest was handed out once more. */
  use(digest: string): void;
  /** The hash trees of versions, by the versions' SHA-256. */
  readonly trees: Pick<Trees, 'get' | 'stored' | 'verity'>;
  /** The version of a path that was last put in force; undefined for a path that nothing uses. */
  pinned(path: string): Pin | undefined;
  /** Removes versions that no path names any more and that nobody was given or read for an hour. */
  collect(): Promise<void>;
  /** Ends waiting callers and writes down what is known. */
  close(): Promise<void>;
}

/**
 * Opens the artifacts folder.
 * @throws if it does not exist or cannot be read
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { record, now, monotonic, settleMs, patienceMs = PATIENCE } = options;
  const root = await realpath(options.root);
  const device = (await stat(root)).dev;
  const own = join(root, OWN);
  const indexFile = join(own, 'digests.json');
  let writable = await makeOwnFolder(own, record);
  await tidy(own, record);

  const index = await readIndex(indexFile).catch((error: Error) => {
    const message = `dropped ${indexFile}: ${error.message}; digests are computed again`;
    record({ event: 'artifact.dropped', level: 'warn', message });
  });
  const current = new Map<string, Pinned>(index?.paths);
  const hash = createHasher(HASHES_AT_ONCE);
  const blobs = await openBlobs(join(own, 'blobs', 'sha256'), index?.blobs ?? new Map(), {
    hash,
    record,
    now,
    monotonic,
  });
  const pinning = new Map<string, Promise<PinResult>>();
  const closing = new AbortController();

  let saving = Promise.resolve();
  const save = (): Promise<void> => {
    saving = saving
      .then(() => makeFolders(own))
      .then(() => writeIndex(indexFile, { paths: current, blobs: blobs.entries() }))
      .then(() => {
        writable = true;
      })
      .catch((error: Error) => {
        const message = `cannot write ${indexFile} (${error.message}): digests are computed again at the next start`;
        // Once is enough, until it works again.
        record({ event: 'artifact.index', level: writable ? 'warn' : 'debug', message });
        writable = false;
      });
    return saving;
  };

  const locate = async (requested: string, image = false): Promise<Located | NotOpened> => {
    const safe = image ? ({ ok: true, path: requested } as const) : safePath(requested);
    if (!safe.ok) return safe;
    const found = await openInside(root, safe.path);
    if (found.ok && found.realPath.startsWith(`${own}/`)) {
      await found.file.close();
      return { ok: false, reason: 'missing', why: 'no such file' };
    }
    if (!found.ok && found.reason === 'missing') await mustBeThere(root, device);
    if (!found.ok && found.reason === 'refused') {
      record({ event: 'artifact.refused', level: 'warn', message: `refused: ${found.why}`, path: requested });
    }
    return found;
  };

  const open = async (path: string): Promise<OpenResult> => {
    const found = await locate(path);
    if (!found.ok) return found;
    const known = current.get(path);
    const same = known && sameBytes(known.version, found.version);
    const lent = same ? await blobs.lend(known.pin.digest, known.version, found) : undefined;
    return { ok: true, file: lent ?? found.file };
  };

  const openPinned = async (digest: string): Promise<OpenResult> => {
    const kept = await blobs.open(digest);
    if (kept) return { ok: true, file: kept };
    for (const [path, { pin, version }] of current) {
      if (pin.digest !== digest) continue;
      const found = await locate(path, IMAGE_BLOB.test(path));
      if (!found.ok) continue;
      const file = await blobs.lend(digest, version, found).catch(async (error: Error) => {
        await found.file.close();
        throw error;
      });
      if (file) return { ok: true, file };
      await found.file.close();
    }
    if (!blobs.has(digest)) return { ok: false, reason: 'missing', why: 'no such version' };
    const why = 'this version was overwritten: replace artifacts by renaming the new file over the old one';
    return { ok: false, reason: 'gone', why };
  };

  const made = await openMadeFiles(join(own, 'made'), { hash, openBlob: openPinned, has: blobs.has, record, now });
  const openBlob = async (digest: string): Promise<OpenResult> =>
    (await made.open(digest)) ?? (await openPinned(digest));

  const use = (digest: string): void => {
    for (const each of [digest, ...made.sources(digest)]) blobs.use(each);
  };

  const trees = openTrees(join(own, 'verity'), { open: openPinned, record, now });

  const handOut = (pin: Pin): PinResult => {
    use(pin.digest);
    return { ok: true, pin };
  };

  /** The pin in force if the path still means the same bytes. One stat, and nothing is opened. */
  const unchanged = async (path: string): Promise<Pin | undefined> => {
    const known = current.get(path);
    const version = known && (await versionAt(join(root, path)));
    return known && version && sameBytes(known.version, version) ? known.pin : undefined;
  };

  /** Keeps a hashed file and puts it in force; undefined if it changed meanwhile. */
  const enforce = async (path: string, digest: string, source: Located): Promise<Pin | undefined> => {
    const version = await blobs.keep(digest, source);
    const there = version && (await versionAt(source.realPath));
    if (!there || !sameBytes(version, there)) return undefined;
    const before = current.get(path)?.pin.digest;
    for (const [other, known] of current) {
      if (known.pin.digest !== digest && sameFile(known.version, version)) current.delete(other);
    }
    const pin: Pin = { digest, size: version.size };
    current.set(path, { pin, version });
    if (before === digest) return pin;
    record({
      event: 'artifact.pinned',
      level: 'info',
      message: `${path} is ${pin.size} bytes, sha256 ${digest}`,
      path,
    });
    return pin;
  };

  // One at a time: the links that one adds and takes away again would look like changes to another.
  let enforcing: Promise<unknown> = Promise.resolve();
  const take = async (path: string, source: Located): Promise<Pin | undefined> => {
    await delay(tickLeft(source.version, now()));
    const digest = await hash(source.file);
    if (digest === undefined) return undefined;
    const turn = enforcing.then(() => enforce(path, digest, source));
    enforcing = turn.catch(() => {});
    const pin = await turn;
    await save();
    return pin;
  };

  /** The version before, while the present one is being written. */
  const previousVersion = async (path: string): Promise<Pin | undefined> => {
    const known = current.get(path);
    const kept = known && (await blobs.open(known.pin.digest));
    await kept?.close();
    return kept && known?.pin;
  };

  const pinAnew = async (path: string): Promise<PinResult> => {
    const deadline = monotonic() + patienceMs;
    for (;;) {
      const found = await locate(path, IMAGE_BLOB.test(path));
      if (!found.ok) return found;
      const unsettled = remaining(found.version, now(), settleMs);
      try {
        const pin = unsettled === 0 ? await take(path, found) : await previousVersion(path);
        if (pin) return handOut(pin);
      } finally {
        await found.file.close();
      }
      if (monotonic() >= deadline || closing.signal.aborted) {
        return { ok: false, reason: 'busy', why: `${path} is still being written` };
      }
      await delay(unsettled || settleMs, undefined, { signal: closing.signal }).catch(() => {});
    }
  };

  const pin = async (path: string): Promise<PinResult> => {
    const known = await unchanged(path);
    if (known) return handOut(known);
    return singleFlight(pinning, path, () => pinAnew(path));
  };

  return {
    root,
    open,
    openBlob,
    pin,
    pinMade: async (origin, pieces) => {
      const pin = await made.pin(origin, pieces);
      if (pin) use(pin.digest);
      return pin;
    },
    use,
    trees,
    pinned: (path) => current.get(path)?.pin,
    collect: async () => {
      for (const path of [...current.keys()]) {
        if (!(await versionAt(join(root, path)))) current.delete(path);
      }
      const inUse = new Set([...current.values()].map(({ pin }) => pin.digest));
      // In this order: the others drop what was composed of removed versions, or belongs to them.
      for (const begin of [() => blobs.collect(inUse, UNUSED), made.collect, () => trees.collect(blobs.has)]) {
        // What cannot be removed takes room, and does no other harm.
        await begin().catch(() => {});
      }
      await save();
    },
    close: async () => {
      closing.abort();
      await save();
    },
  };
}

/** Milliseconds until a file counts as completely written. A time stamp from the future says nothing. */
function remaining({ mtimeNs }: FileVersion, now: number, settleMs: number): number {
  const age = now - Number(mtimeNs / 1_000_000n);
  return age >= 0 && age < settleMs ? settleMs - age : 0;
}

/** Whether there is a folder of the store's own, or could be made. */
async function makeOwnFolder(own: string, record: RecordEvent): Promise<boolean> {
  try {
    await makeFolders(own);
    return true;
  } catch (error) {
    if (!isInability(error)) throw error;
    const message = `${own} cannot be made (${(error as Error).message}): digests are computed again at every start`;
    record({ event: 'artifact.index', level: 'warn', message });
    return false;
  }
}

/** A folder that went away, or whose file system was unmounted, must not look like a file that is not there. */
async function mustBeThere(root: string, device: number): Promise<void> {
  const { dev } = await stat(root);
  if (dev !== device)
    throw Object.assign(new Error(`${root} is on another file system than at the start`), { code: 'ESTALE' });
}
