import { relative } from 'node:path';
import { watch } from 'chokidar';
import type { Pin } from '../model/boot-plan.ts';
import type { RecordEvent } from '../model/event.ts';
import type { Store } from './store.ts';

/** Milliseconds between two collections of unused versions. */
const COLLECT_EVERY = 10 * 60 * 1000;

/** Milliseconds without an event after which names are looked at. */
const NAMES_SETTLED = 100;

/** Settings and means of {@link watchStore}. */
export interface WatchOptions {
  readonly store: Store;
  readonly record: RecordEvent;
  /** The same as the store's. */
  readonly settleMs: number;
  /** Told when a pinned path has a new version in force. */
  readonly onChange: (path: string) => void;
  /** Told when a name in the folder itself has come to mean something else, such as another build. */
  readonly onName: () => void;
}

/**
 * Watches the artifacts folder, so that a changed file that nodes use is hashed before one of them asks, and removes
 * unused versions from time to time. Missed changes do no harm: pinning looks at the file itself.
 */
export async function watchStore(options: WatchOptions): Promise<{ stop(): Promise<void> }> {
  const { store, record, settleMs, onChange, onName } = options;
  const waiting = new Map<string, { readonly before: Pin; readonly timer: NodeJS.Timeout }>();
  const failed = (error: unknown) => {
    record({ event: 'artifact.watch', level: 'warn', message: `artifacts: ${(error as Error).message}` });
  };

  const again = async (path: string, before: Pin) => {
    waiting.delete(path);
    const result = await store.pin(path);
    if (result.ok && result.pin.digest !== before.digest) onChange(path);
  };
  const changed = (file: string) => {
    const path = relative(store.root, file);
    const before = waiting.get(path)?.before ?? store.pinned(path);
    if (!before) return;
    clearTimeout(waiting.get(path)?.timer);
    waiting.set(path, { before, timer: setTimeout(() => again(path, before).catch(failed), settleMs) });
  };

  const watcher = watch(store.root, {
    ignoreInitial: true,
    ignored: (file) => relative(store.root, file).startsWith('.'),
  });
  watcher.on('add', changed).on('change', changed).on('error', failed);
  // A link that is renamed over another is told in no other way.
  let names: NodeJS.Timeout | undefined;
  watcher.on('raw', (event, _name, details) => {
    const { watchedPath } = details as { readonly watchedPath?: unknown };
    if (event !== 'rename' || watchedPath !== store.root) return;
    clearTimeout(names);
    names = setTimeout(onName, NAMES_SETTLED);
  });
  await new Promise<void>((resolve) => watcher.once('ready', resolve));
  const collecting = setInterval(() => store.collect().catch(failed), COLLECT_EVERY);
  collecting.unref();

  return {
    stop: async () => {
      clearInterval(collecting);
      clearTimeout(names);
      for (const { timer } of waiting.values()) clearTimeout(timer);
      await watcher.close();
    },
  };
}
