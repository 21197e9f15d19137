import { type FSWatcher, watch } from 'node:fs';
import type { Pin } from '../model/boot/boot-plan.ts';
import type { RecordEvent } from '../model/event.ts';
import type { Store } from './store/store.ts';
import { foldersTo, type WatchedFolder } from './watched-folders.ts';

/** Milliseconds between two collections of unused versions. */
const COLLECT_EVERY = 10 * 60 * 1000;

/** Milliseconds without an event after which names are looked at. */
const NAMES_SETTLED = 100;

/** Folders that are watched: each takes a watch of the system's. */
const MOST_FOLDERS = 1000;

/** Settings and means of {@link watchStore}. */
export interface WatchOptions {
  readonly store: Store;
  /** What nodes use, below the folder: nothing else is watched. */
  readonly paths: () => readonly string[];
  readonly record: RecordEvent;
  /** The same as the store's. */
  readonly settleMs: number;
  /** Told when a pinned path has a new version in force. */
  readonly onChange: (path: string) => void;
  /** Told when a name in the folder itself has come to mean something else, such as another build. */
  readonly onName: () => void;
  /** For tests: instead of a thousand. */
  readonly mostFolders?: number;
}

/** A watch over the artifacts. */
export interface StoreWatch {
  /** Watches what nodes use by now. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Watches the folders of the artifacts that nodes use, so that a changed file is hashed before one of them asks, and
 * removes unused versions from time to time. Missed changes do no harm: pinning looks at the file itself.
 */
export async function watchStore(options: WatchOptions): Promise<StoreWatch> {
  const { store, paths, record, settleMs, onChange, onName, mostFolders = MOST_FOLDERS } = options;
  const waiting = new Map<string, { readonly before: Pin; readonly timer: NodeJS.Timeout }>();
  const watchers = new Map<
    string,
    { readonly inode: number; names: WatchedFolder['names']; readonly watcher: FSWatcher }
  >();
  let stopped = false;
  let told = '';
  const failed = (error: unknown) => tell(`artifacts: ${(error as Error).message}`);
  const tell = (message: string) => record({ event: 'artifact.watch', level: 'warn', message });

  const again = async (path: string, before: Pin) => {
    waiting.delete(path);
    const result = await store.pin(path);
    if (result.ok && result.pin.digest !== before.digest) onChange(path);
  };
  const changed = (path: string) => {
    const before = waiting.get(path)?.before ?? store.pinned(path);
    if (!before) return;
    clearTimeout(waiting.get(path)?.timer);
    waiting.set(path, { before, timer: setTimeout(() => again(path, before).catch(failed), settleMs) });
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

  const begin = ({ folder, inode, names }: WatchedFolder) => {
    const watcher = watch(folder, (event, name) => {
      for (const path of watchers.get(folder)?.names.get(name ?? '') ?? []) changed(path);
      if (event === 'rename') renamed(folder);
    });
    watcher.on('error', failed);
    watchers.set(folder, { inode, names, watcher });
  };

  const look = async () => {
    const { folders, full } = await foldersTo(store.root, paths(), mostFolders);
    if (stopped) return;
    for (const [folder, { inode, watcher }] of watchers) {
      if (folders.get(folder)?.inode === inode) continue;
      watcher.close();
      watchers.delete(folder);
    }
    let trouble = full ? `artifacts lie in more than ${mostFolders} folders: not all are watched` : '';
    for (const wanted of folders.values()) {
      const present = watchers.get(wanted.folder);
      if (present) present.names = wanted.names;
      else {
        try {
          begin(wanted);
        } catch (error) {
          trouble = `${wanted.folder} cannot be watched: ${(error as Error).message}`;
        }
      }
    }
    if (trouble !== '' && trouble !== told) tell(`${trouble}; a change there is noticed when a machine next asks`);
    told = trouble;
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
