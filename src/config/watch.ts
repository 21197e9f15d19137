import { readlink, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { Config, Problem } from '../model/settings/config.ts';
import { type Loaded, loadConfig } from './load/load.ts';

/** Milliseconds without a change before the file is read: programs write in several steps. */
const SETTLED = 50;

/** Milliseconds between checks of the file if a folder cannot be watched. */
const LOOK_EVERY = 2000;

/** Most symbolic links in one path, as in Linux. */
const MAX_LINKS = 40;

/** Options of {@link watchConfig}. */
export interface WatchOptions {
  readonly file: string;
  /** The text in force, as `loadConfig` gave it; only later changes are reported. */
  readonly text?: string | undefined;
  /** The other files that belong to it, as `loadConfig` gave them. */
  readonly others?: readonly string[] | undefined;
  /** Reads the file, by default with loadConfig; undefined if the file still has the known text. */
  readonly load?: (file: string, known: string | undefined) => Promise<Loaded | undefined>;
  /** Called with each new valid configuration. Must not throw. */
  readonly onConfig: (config: Config) => void;
  /** Called each time the file is saved with mistakes, or cannot be read. Must not throw. */
  readonly onProblems: (problems: readonly Problem[]) => void;
  /** Called once, with the remedy, if a folder cannot be watched; the file is then checked from time to time. */
  readonly onUnwatched?: (message: string) => void;
}

/** A running watch. */
export interface ConfigWatch {
  /** Reads the files though nothing seems to have changed; resolves when a callback has been called. */
  reload(): Promise<void>;
  /** Ends the watch; no callback is called after this. */
  stop(): Promise<void>;
}

/** A text that changes with each version of a file; the error's code if the file cannot be examined. */
async function versionOf(file: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/** Folders in which a change can replace the file: its own, and that of each symbolic link in its path. */
async function foldersOf(file: string): Promise<Set<string>> {
  const folders = new Set<string>();
  let steps = resolve(file).split('/');
  let folder = '/';
  let links = 0;
  for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
    const path = join(folder, step);
    const target = await readlink(path).catch(() => undefined);
    if (target !== undefined && links++ < MAX_LINKS) {
      folders.add(folder);
      if (isAbsolute(target)) folder = '/';
      steps = [...target.split('/'), ...steps];
    } else {
      if (steps.length === 0) folders.add(folder);
      folder = path;
    }
  }
  return folders;
}

const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/**
 * Watches a configuration file by its folders. So it sees writes in place, editors that rename a new file over the old,
 * and mounted volumes that replace a link to a folder.
 *
 * Resolves when the watch is on and the file has been compared with `text`.
 */
export async function watchConfig({
  file,
  text,
  others: before = [],
  load = (path) => loadConfig(path),
  onConfig,
  onProblems,
  onUnwatched = () => {},
}: WatchOptions): Promise<ConfigWatch> {
  const watchers = new Map<string, FSWatcher>();
  let stopped = false;
  let looking: NodeJS.Timeout | undefined;
  let version: string | undefined;
  /** The text in force; undefined if a text with mistakes has been read since. */
  let current = text;
  let others = before;
  let othersVersion = (await Promise.all(others.map(versionOf))).join('\n');
  let asked = false;
  let checking: Promise<void> | undefined;

  async function open(folder: string): Promise<void> {
    // Only the folder itself is watched: each entry would cost a watch.
    const watcher = watch(folder, { depth: 0, ignoreInitial: true, ignored: (path) => path !== folder });
    watchers.set(folder, watcher);
    watcher.on('raw', ask);
    watcher.on('all', ask);
    watcher.on('error', (error) => {
      if (stopped || looking) return;
      looking = setInterval(ask, LOOK_EVERY);
      onUnwatched(
        `${folder} cannot be watched (${(error as Error).message}): ${file} is checked every ${LOOK_EVERY / 1000} s ` +
          'instead; raise the sysctls fs.inotify.max_user_watches and fs.inotify.max_user_instances',
      );
    });
    await new Promise<void>((done) => watcher.once('ready', done));
  }

  async function follow(): Promise<void> {
    const folders = new Set<string>();
    for (const each of [file, ...others]) for (const folder of await foldersOf(each)) folders.add(folder);
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue;
      watchers.delete(folder);
      await watcher.close();
    }
    for (const folder of folders) if (!watchers.has(folder) && !stopped) await open(folder);
  }

  const versionOfOthers = async () => (await Promise.all(others.map(versionOf))).join('\n');
  const versionOfAll = async () => `${await versionOf(file)}\n${await versionOfOthers()}`;

  /** Reads new versions of the files once they have settled. */
  async function check(): Promise<void> {
    let next = await versionOfAll();
    if (next === version) return;
    for (let before: string | undefined; next !== before && !stopped; ) {
      before = next;
      await pause(SETTLED);
      next = await versionOfAll();
    }
    if (stopped || next === version) return;
    version = next;
    await follow();
    const sameOthers = (await versionOfOthers()) === othersVersion;
    const loaded = await load(file, sameOthers ? current : undefined);
    if (stopped) return;
    if ((await versionOfAll()) !== version) {
      // Written meanwhile, so only half of it may have been read.
      asked = true;
      return;
    }
    if (!loaded) return;
    others = loaded.others;
    othersVersion = await versionOfOthers();
    version = await versionOfAll();
    await follow();
    const changed = loaded.text !== current || !sameOthers;
    current = loaded.ok ? loaded.text : undefined;
    if (!loaded.ok) onProblems(loaded.problems);
    else if (changed) onConfig(loaded.config);
  }

  /** One check at a time; an event during a check asks for one more. */
  function ask(): void {
    asked = true;
    checking ??= (async () => {
      while (asked && !stopped) {
        asked = false;
        await check();
      }
    })().finally(() => {
      checking = undefined;
    });
  }

  await follow();
  ask();
  await checking;
  return {
    async reload() {
      // A check that is under way may be about to note what it has read.
      await checking;
      version = undefined;
      current = undefined;
      ask();
      await checking;
    },
    async stop() {
      stopped = true;
      clearInterval(looking);
      await Promise.all([...watchers.values()].map((watcher) => watcher.close()));
      await checking;
    },
  };
}
