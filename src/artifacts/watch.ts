import { type FSWatcher, watch } from 'node:fs';
import type { Pin } from '../model/boot/boot-plan.ts';
import type { RecordEvent } from '../model/event.ts';
import type { Store } from './store/store.ts';
import { foldersTo, type WatchedFolder } from './watched-folders.ts';

/** Milliseconds between two collections of unused versions. */
const COLLECT_EVERY = 10 * 60 * 1000;

/** Milliseconds without an event after which changed names are looked up. */
const NAMES_SETTLED = 100;

/** The most folders that are watched: the system has a limit on watches. */
const MAX_FOLDERS = 1000;

/** Settings and services of {@link watchStore}. */
export interface WatchOptions {
  readonly store: Store;
  /** The paths below the folder that nodes use: nothing else is watched. */
  readonly paths: () => readonly string[];
  readonly record: RecordEvent;
  /** The same as the store's. */
  readonly settleMs: number;
  /** Called when a pinned path has a new current version. */
  readonly onChange: (path: string) => void;
  /** Called when a name in the folder itself may lead elsewhere, such as to another build. */
  readonly onName: () => void;
  /** For tests: instead of a thousand. */
  readonly maxFolders?: number;
}

/** A watch over the artifacts. */
export interface StoreWatch {
  /** Watches the paths that nodes use now. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Watches the folders of the artifacts that nodes use, so that a changed file is hashed before one of them asks, and
 * removes unused versions from time to time. Missed changes do no harm: pinning looks at the file itself.
 */
export async function watchStore(options: WatchOptions): Promise<StoreWatch> {
  const { store, paths, record, settleMs, onChange, onName, maxFolders = MAX_FOLDERS } = options;
  const waiting = new Map<string, { readonly before: Pin; readonly timer: NodeJS.Timeout }>();
  const watchers = new Map<string, WatchedFolder & { readonly watcher: FSWatcher }>();
  let stopped = false;
  const warn = (message: string) => record({ event: 'artifact.watch', level: 'warn', message });
  const failed = (error: unknown) => warn(`artifacts: ${(error as Error).message}`);

  const pinAgain = async (path: string, before: Pin) => {
    waiting.delete(path);
    const result = await store.pin(path);
    if (result.ok && result.pin.digest !== before.digest) onChange(path);
  };
  const changed = (path: string) => {
    const before = waiting.get(path)?.before ?? store.pinned(path);
    if (!before) return;
    clearTimeout(waiting.get(path)?.timer);
    waiting.set(path, { before, timer: setTimeout(() => pinAgain(path, before).catch(failed), settleMs) });
  };

  let names: NodeJS.Timeout | undefined;
  let nameInRoot = false;
  /** A name may lead elsewhere now. */
  const renamed = (folder: string) => {
    nameInRoot ||= folder === store.root;
    clearTimeout(names);
    names = setTimeout(() => {
      if (nameInRoot) onName();
      nameInRoot = false;
      refresh().catch(failed);
    }, NAMES_SETTLED);
  };

  const begin = (folder: string): FSWatcher => {
    const watcher = watch(folder, (event, name) => {
      for (const path of watchers.get(folder)?.names.get(name ?? '') ?? []) changed(path);
      if (event === 'rename') renamed(folder);
    });
    return watcher.on('error', failed);
  };

  /** The last warning about folders: the same one is not repeated. */
  let warned = '';
  const look = async () => {
    const { folders, full } = await foldersTo(store.root, paths(), maxFolders);
    if (stopped) return;
    for (const [folder, { inode, watcher }] of watchers) {
      if (folders.get(folder)?.inode === inode) continue;
      watcher.close();
      watchers.delete(folder);
    }
    let trouble = full ? `artifacts lie in more than ${maxFolders} folders: not all are watched` : '';
    for (const wanted of folders.values()) {
      try {
        const watcher = watchers.get(wanted.folder)?.watcher ?? begin(wanted.folder);
        watchers.set(wanted.folder, { ...wanted, watcher });
      } catch (error) {
        trouble = `${wanted.folder} cannot be watched: ${(error as Error).message}`;
      }
    }
    if (trouble !== '' && trouble !== warned) warn(`${trouble}; a change there is noticed when a machine next asks`);
    warned = trouble;
  };
  let looking = Promise.resolve();
  const refresh = () => {
    looking = looking.then(look);
    return looking;
  };

  await refresh();
  const collecting = setInterval(() => store.collect().catch(failed), COLLECT_EVERY);
  collecting.unref();

  return {
    refresh,
    stop: async () => {
      stopped = true;
      clearInterval(collecting);
      clearTimeout(names);
      for (const { timer } of waiting.values()) clearTimeout(timer);
      await looking.catch(() => {});
      for (const { watcher } of watchers.values()) watcher.close();
    },
  };
}
