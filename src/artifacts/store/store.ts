import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pin } from '../../model/boot/boot-plan.ts';
import type { OpenResult } from '../../model/files/open-file.ts';
import { openComposedFiles, type Plan } from '../composed/composed-files.ts';
import { openTrees, type Trees } from '../composed/verity-trees.ts';
import { makeFolders } from '../folders.ts';
import { safePath } from '../path.ts';
import { tidy } from '../tidy.ts';
import { openBlobs } from './blobs.ts';
import { createHasher } from './hash.ts';
import { createIndexWriter, readIndex } from './index-file.ts';
import { createLocate } from './locate.ts';
import { createPins, type PinResult } from './pins.ts';
import type { StoreServices } from './services.ts';
import { sameBytes } from './version.ts';

/** The store's own folder below the artifacts. */
const OWN = '.slipway';
/** Blobs of images that were built, below the artifacts: hidden, as all that begins with a dot. */
const IMAGE_BLOBS = '.images/blobs/sha256';
/** Images hashed at the same time. */
const HASHES_AT_ONCE = 2;
/** How long a caller waits for a file that is being written, milliseconds. */
const PATIENCE = 30_000;
/** How long a version that nothing names stays after it was last handed out or read, milliseconds. */
const UNUSED = 60 * 60 * 1000;

/** The store's own folder in its artifacts folder. */
export const storeFolder = (root: string): string => join(root, OWN);

/** Settings and services of {@link openStore}. */
export interface StoreOptions extends Omit<StoreServices, 'hash'> {
  /** The artifacts folder. */
  readonly root: string;
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
  /** Opens a version by its SHA-256 (64 lower-case hex digits), though its path may have another by now. */
  openBlob(digest: string): Promise<OpenResult>;
  /**
   * The current version of a file: hashed once however many ask; while it is being written the one before, if that is
   * still whole.
   */
  pin(path: string): Promise<PinResult>;
  /** The same for a blob of a built image, which is pinned only while its bytes have its digest. */
  pinImageBlob(digest: string): Promise<PinResult>;
  /**
   * The version of a file that is composed of versions pinned here while {@link openBlob} reads it.
   * @param origin decides the segments
   * @param plan called where the origin is new
   * @throws the error of the plan, and an error that says why where one of the versions is not there any more
   */
  pinComposed(origin: string, plan: Plan): Promise<Pin | undefined>;
  /** Notes that a digest was handed out once more. */
  use(digest: string): void;
  /** The hash trees of versions, by the versions' SHA-256. */
  readonly trees: Pick<Trees, 'get' | 'stored' | 'verity'>;
  /** The version of a path that was current when it was last looked at; undefined for a path that nothing uses. */
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
  const { record } = options;
  const root = await realpath(options.root);
  const own = storeFolder(root);
  const locate = await createLocate(root, own, record);
  // Where it cannot be made, writing the index warns of that.
  await makeFolders(own).catch(() => {});
  await tidy(own, record);

  const indexFile = join(own, 'digests.json');
  const index = await readIndex(indexFile).catch((error: Error) => {
    const message = `dropped ${indexFile}: ${error.message}; digests are computed again`;
    record({ event: 'artifact.dropped', level: 'warn', message });
  });
  const services = { ...options, hash: createHasher(HASHES_AT_ONCE) };
  const blobs = await openBlobs(join(own, 'blobs', 'sha256'), index?.blobs ?? new Map(), services);
  const closing = new AbortController();
  const writeIndex = createIndexWriter(indexFile, record);
  const save = () => writeIndex(() => ({ paths: pins.current, blobs: blobs.entries() }));
  const pins = createPins({
    ...{ patienceMs: PATIENCE, ...services, root, known: index?.paths ?? new Map() },
    ...{ blobs, locate, closing: closing.signal, save },
  });

  const openPinned = async (digest: string): Promise<OpenResult> => {
    const kept = await blobs.open(digest);
    if (kept) return { ok: true, file: kept };
    for (const [path, { pin, version }] of pins.current) {
      const found = pin.digest === digest ? await locate(path) : undefined;
      const file = found?.ok ? await blobs.openFound(digest, version, found) : undefined;
      if (file) return { ok: true, file };
    }
    if (!blobs.has(digest)) return { ok: false, reason: 'missing', why: 'no such version' };
    const why = 'this version was overwritten: replace artifacts by renaming the new file over the old one';
    return { ok: false, reason: 'gone', why };
  };

  const composed = await openComposedFiles(join(own, 'made'), services, openPinned, blobs.has);
  const trees = openTrees(join(own, 'verity'), services, openPinned);
  const use = (digest: string): void => {
    for (const each of [digest, ...composed.sources(digest)]) blobs.use(each);
  };

  return {
    root,
    open: async (requested) => {
      const safe = safePath(requested);
      const found = safe.ok ? await locate(safe.path) : safe;
      if (!found.ok) return found;
      const known = pins.current.get(requested);
      const file =
        known && sameBytes(known.version, found.version)
          ? await blobs.openFound(known.pin.digest, known.version, found)
          : found.file;
      return { ok: true, file: file ?? found.file };
    },
    openBlob: async (digest) => (await composed.open(digest)) ?? (await openPinned(digest)),
    pin: async (requested) => {
      const safe = safePath(requested);
      return safe.ok ? await pins.pin(requested) : safe;
    },
    pinImageBlob: async (digest) => {
      const result = await pins.pin(join(IMAGE_BLOBS, digest));
      if (!result.ok || result.pin.digest === digest) return result;
      return { ok: false, reason: 'gone', why: `blob ${digest} of an image is damaged: build the image again` };
    },
    pinComposed: async (origin, plan) => {
      const pin = await composed.pin(origin, plan);
      if (pin) use(pin.digest);
      return pin;
    },
    use,
    trees,
    pinned: (path) => pins.current.get(path)?.pin,
    collect: async () => {
      await pins.forgetRemoved();
      const inUse = new Set([...pins.current.values()].map(({ pin }) => pin.digest));
      // In this order: the others drop what was composed of removed versions, or belongs to them.
      for (const begin of [() => blobs.collect(inUse, UNUSED), composed.collect, () => trees.collect(blobs.has)]) {
        // An entry that cannot be removed takes room and does no other harm.
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
