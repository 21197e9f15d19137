import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pin } from '../../model/boot/boot-plan.ts';
import type { NotOpened } from '../../model/files/open-file.ts';
import type { LocatedFile } from '../open-file.ts';
import { singleFlight } from '../single-flight.ts';
import type { Blobs } from './blobs.ts';
import type { Pinned } from './index-file.ts';
import type { Locate } from './locate.ts';
import type { StoreServices } from './services.ts';
import { type FileVersion, sameBytes, sameFile, tickLeft, versionAt } from './version.ts';

/** A pinned version, or why there is none. `busy`: the file is still being written and no earlier version is whole. */
export type PinResult =
  | { readonly ok: true; readonly pin: Pin }
  | { readonly ok: false; readonly reason: NotOpened['reason'] | 'busy'; readonly why: string };

/** Settings and services of {@link createPins}. */
export interface PinsOptions extends StoreServices {
  /** The artifacts folder. */
  readonly root: string;
  /** The versions that an earlier run wrote down. */
  readonly known: ReadonlyMap<string, Pinned>;
  readonly blobs: Blobs;
  readonly locate: Locate;
  /** A file whose last write is younger than this may still be being written, milliseconds. */
  readonly settleMs: number;
  /** How long a caller waits for a file that is being written, milliseconds. */
  readonly patienceMs: number;
  /** Ends all waiting. */
  readonly closing: AbortSignal;
  /** Called after a change of the current versions. */
  readonly save: () => Promise<void>;
}

/** The current versions of paths. */
export function createPins(options: PinsOptions) {
  const { root, known, blobs, hash, locate, record, now, monotonic, settleMs, patienceMs, closing, save } = options;
  const current = new Map(known);
  const pinning = new Map<string, Promise<PinResult>>();

  /** The current pin if the path still means the same bytes. One stat, and nothing is opened. */
  const unchanged = async (path: string): Promise<Pin | undefined> => {
    const last = current.get(path);
    const version = last && (await versionAt(join(root, path)));
    return last && version && sameBytes(last.version, version) ? last.pin : undefined;
  };

  /** Keeps a hashed file and makes it the current version; undefined if it changed meanwhile. */
  const activate = async (path: string, digest: string, source: LocatedFile): Promise<Pin | undefined> => {
    const version = await blobs.keep(digest, source);
    const there = version && (await versionAt(source.realPath));
    if (!there || !sameBytes(version, there)) return undefined;
    const before = current.get(path)?.pin.digest;
    for (const [other, last] of current) {
      if (last.pin.digest !== digest && sameFile(last.version, version)) current.delete(other);
    }
    const pin: Pin = { digest, size: version.size };
    current.set(path, { pin, version });
    const message = `${path} is ${pin.size} bytes, sha256 ${digest}`;
    if (before !== digest) record({ event: 'artifact.pinned', level: 'info', message, path });
    return pin;
  };

  // One at a time: the links that one adds and takes away again would look like changes to another.
  let activating: Promise<unknown> = Promise.resolve();
  const hashAndActivate = async (path: string, source: LocatedFile): Promise<Pin | undefined> => {
    await delay(tickLeft(source.version, now()));
    const digest = await hash(source.file);
    if (digest === undefined) return undefined;
    const turn = activating.then(() => activate(path, digest, source));
    activating = turn.catch(() => {});
    const pin = await turn;
    await save();
    return pin;
  };

  /** The version before, while the present one is being written. */
  const previousVersion = async (path: string): Promise<Pin | undefined> => {
    const last = current.get(path);
    const kept = last && (await blobs.open(last.pin.digest));
    await kept?.close();
    return kept && last?.pin;
  };

  const pinAnew = async (path: string): Promise<PinResult> => {
    const deadline = monotonic() + patienceMs;
    for (;;) {
      const found = await locate(path);
      if (!found.ok) return found;
      const unsettled = remaining(found.version, now(), settleMs);
      try {
        const pin = unsettled === 0 ? await hashAndActivate(path, found) : await previousVersion(path);
        if (pin) return { ok: true, pin };
      } finally {
        await found.file.close();
      }
      if (monotonic() >= deadline || closing.aborted)
        return { ok: false, reason: 'busy', why: `${path} is still being written` };
      await delay(unsettled || settleMs, undefined, { signal: closing }).catch(() => {});
    }
  };

  return {
    /** By path below the folder. */
    current: current as ReadonlyMap<string, Pinned>,

    /**
     * The current version of a file: hashed once however many ask; while it is being written the one before, if that is
     * still whole.
     * @param path from safePath
     * @throws the operating system's error
     */
    async pin(path: string): Promise<PinResult> {
      const pin = await unchanged(path);
      const result = pin ? { ok: true as const, pin } : await singleFlight(pinning, path, () => pinAnew(path));
      if (result.ok) blobs.use(result.pin.digest);
      return result;
    },

    /** Forgets the paths that have no file any more. */
    async forgetRemoved(): Promise<void> {
      for (const path of [...current.keys()]) if (!(await versionAt(join(root, path)))) current.delete(path);
    },
  };
}

/** Milliseconds until a file counts as completely written. A time stamp from the future says nothing. */
function remaining({ mtimeNs }: FileVersion, now: number, settleMs: number): number {
  const age = now - Number(mtimeNs / 1_000_000n);
  return age >= 0 && age < settleMs ? settleMs - age : 0;
}
