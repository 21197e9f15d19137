import type { RecordEvent } from '../../model/event.ts';
import type { BootStore } from '../../model/fleet/boot-store.ts';
import type { EventFeed } from '../../model/fleet/shared-events.ts';
import { openSqliteStore } from './sqlite-store.ts';

/** Boots that are kept: so old at most, milliseconds, and so many of each machine. */
const MAX_AGE = 90 * 24 * 3_600_000;
const MAX_BOOTS = 50;
/** The output of pipelines is kept for so long, milliseconds. */
const MAX_OUTPUT_AGE = 7 * 24 * 3_600_000;
/** How often older ones are removed, milliseconds. */
const PRUNE_EVERY = 6 * 3_600_000;
/** Pauses before a store that is away is opened again, milliseconds. */
const FIRST_PAUSE = 1000;
const LAST_PAUSE = 60_000;

/** Options of {@link keepStore}. */
export interface StoreOptions {
  /** A file of SQLite, or the `postgres://` URL of a database. */
  readonly place: string;
  readonly record: RecordEvent;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Whether boots are kept in a database that several daemons may share. */
export const isDatabase = (place: string): boolean => /^postgres(?:ql)?:\/\//.test(place);

/**
 * A store that is opened again and again where it is away, with one message for each outage. Calls reject meanwhile:
 * machines boot all the same.
 */
export function keepStore({ place, record, now }: StoreOptions): BootStore {
  let store: BootStore | undefined;
  let away: string | undefined;
  let pause = FIRST_PAUSE;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const followers = new Set<Parameters<EventFeed['follow']>[0]>();
  const onBack: (() => void)[] = [];
  /** The number of the last event of all daemons that was seen here. */
  let seen: number | undefined;

  const damaged = (path: string) => {
    const message = `state: ${place} was damaged: it lies in ${path} now, and a new one was begun`;
    record({ event: 'state.damaged', level: 'warn', message });
  };
  const fail = (error: Error) => {
    if (away === undefined) {
      const message = `state: boots are not kept until this is right: ${error.message}`;
      record({ event: 'state.away', level: 'warn', message });
    }
    away = error.message;
    store?.close().catch(() => {});
    store = undefined;
    if (closed) return;
    clearTimeout(timer);
    timer = setTimeout(start, pause);
    timer.unref();
    pause = Math.min(2 * pause, LAST_PAUSE);
  };
  const open = async (): Promise<BootStore> => {
    if (!isDatabase(place)) return await openSqliteStore(place, damaged);
    const { openPostgresStore } = await import('./postgres-store.ts');
    let opened: BootStore | undefined;
    const lost = (error: Error) => {
      if (store !== undefined && store === opened) fail(error);
    };
    opened = await openPostgresStore(place, { after: seen, lost });
    opened.feed?.follow((events, last) => {
      seen = last;
      for (const follower of followers) follower(events, last);
    });
    return opened;
  };
  const start = async (): Promise<void> => {
    try {
      const opened = await open();
      if (closed) return await opened.close();
      store = opened;
      pause = FIRST_PAUSE;
      if (away === undefined) return;
      away = undefined;
      record({ event: 'state.back', level: 'info', message: 'state: boots are kept again' });
      for (const callBack of onBack) callBack();
    } catch (error) {
      fail(error as Error);
    }
  };
  const opening = start();

  const use = async <T>(call: (store: BootStore) => Promise<T>): Promise<T> => {
    await opening;
    const used = store;
    if (!used) throw new Error(`boots are not kept just now: ${away}`);
    try {
      return await call(used);
    } catch (error) {
      if (store === used) fail(error as Error);
      throw error;
    }
  };
  const prune = () =>
    use(async (each) => {
      await each.prune(now() - MAX_AGE, MAX_BOOTS);
      await each.pruneOutput(now() - MAX_OUTPUT_AGE);
    }).catch(() => {});
  const pruning = setInterval(prune, PRUNE_EVERY);
  pruning.unref();

  return {
    add: (changes) => use((each) => each.add(changes)),
    latest: () => use((each) => each.latest()),
    boots: (mac, limit) => use((each) => each.boots(mac, limit)),
    boot: (id) => use((each) => each.boot(id)),
    byIds: (ids) => use((each) => each.byIds(ids)),
    bootsOf: (image, limit) => use((each) => each.bootsOf(image, limit)),
    notes: (kind) => use((each) => each.notes(kind)),
    note: (kind, key) => use((each) => each.note(kind, key)),
    putNote: (kind, key, value) => use((each) => each.putNote(kind, key, value)),
    addNote: (kind, key, value) => use((each) => each.addNote(kind, key, value)),
    addOutput: (output, at) => use((each) => each.addOutput(output, at)),
    output: (boot, after, limit) => use((each) => each.output(boot, after, limit)),
    outputEnds: (boot) => use((each) => each.outputEnds(boot)),
    pruneOutput: (before) => use((each) => each.pruneOutput(before)),
    prune: (before, keep) => use((each) => each.prune(before, keep)),
    feed: isDatabase(place)
      ? {
          onBack: (callBack) => void onBack.push(callBack),
          append: (events) => use(async (each) => await each.feed?.append(events)),
          follow: (onEvents) => {
            followers.add(onEvents);
            return () => followers.delete(onEvents);
          },
        }
      : undefined,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      clearInterval(pruning);
      await opening;
      await store?.close();
    },
  };
}
