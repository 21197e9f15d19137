import pg from 'pg';
import type { Boot, BootStep, BootWithSteps } from '../../model/fleet/boot.ts';
import type { BootChange, BootStore, NoteKind, NumberedOutput } from '../../model/fleet/boot-store.ts';
import type { EventFeed, SharedEvent } from '../../model/fleet/shared-events.ts';
import * as sql from './postgres-tables.ts';

/** Connections of one daemon. */
const CONNECTIONS = 4;
/** After so long a statement or an attempt to connect counts as failed, milliseconds. */
const PATIENCE = 10_000;
/** How often new events are looked for, should a notice get lost, milliseconds. */
const LOOK_EVERY = 1000;
/** Events that are read at a time. */
const LOT = 500;
/** How long events stay for daemons that are cut off, milliseconds. */
const EVENTS_KEPT = 3_600_000;
/** Numbers of advisory locks: of the tables, and of the order of events. */
const TABLES_LOCK = 0x51_1b_3a_01;
const EVENTS_LOCK = 0x51_1b_3a_02;
/** The channel on which daemons notify each other. */
const CHANNEL = 'slipway_event';

type Row = Readonly<Record<string, unknown>>;

/** Options of {@link openPostgresStore}. */
export interface PostgresOptions {
  /** The number of the last event that is known; undefined to follow those from now on. */
  readonly after: number | undefined;
  /** Called where it is noticed that the database is away. */
  readonly lost: (error: Error) => void;
}

/** A row of a boot as it was: SQL has null for what is absent. */
function toBoot({ node, image, version, began, last, ...rest }: Row): Boot {
  const text = (value: unknown) => (value === null ? undefined : value);
  const about = { node: text(node), image: text(image), version: text(version) };
  return { ...rest, ...about, began: Number(began), last: Number(last) } as unknown as Boot;
}

/** Runs statements in a transaction. @param lock number of an advisory lock that it holds */
async function inTransaction<T>(pool: pg.Pool, run: (client: pg.PoolClient) => Promise<T>, lock?: number): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    if (lock !== undefined) await client.query('SELECT pg_advisory_xact_lock($1)', [lock]);
    const result = await run(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    // The connection may be broken, or in the middle of a transaction.
    client.release(true);
    throw error;
  }
}

/** @throws Error with the remedy for tables of a newer Slipway */
async function prepare(pool: pg.Pool): Promise<void> {
  await inTransaction(
    pool,
    async (client) => {
      await client.query(sql.VERSION);
      const { rows } = await client.query<{ version: number }>(sql.GET_VERSION);
      const version = rows[0]?.version ?? 0;
      const steps = sql.STEPS_OF_TABLES;
      if (version > steps.length) {
        throw new Error('the tables are of a newer Slipway: name another database with state:, or run that version');
      }
      for (const step of steps.slice(version)) await client.query(step);
      if (version < steps.length) await client.query(sql.SET_VERSION, [steps.length]);
    },
    TABLES_LOCK,
  );
}

const toEvent = ({ origin, number, at, event }: Row): SharedEvent => ({
  origin: String(origin),
  number: Number(number),
  at: Number(at),
  event: JSON.parse(String(event)) as SharedEvent['event'],
});

/**
 * Boots in PostgreSQL, for several daemons. It rejects everything once the connection is lost.
 * @param url `postgres://…`
 * @throws Error with the reason where it cannot be opened
 */
export async function openPostgresStore(url: string, { after, lost }: PostgresOptions): Promise<BootStore> {
  const options = { connectionString: url, connectionTimeoutMillis: PATIENCE, application_name: 'slipway' };
  const timeouts = { statement_timeout: PATIENCE, query_timeout: PATIENCE, keepAlive: true };
  const pool = new pg.Pool({ ...options, ...timeouts, max: CONNECTIONS });
  const listener = new pg.Client({ ...options, keepAlive: true });
  let closed = false;
  const fail = (error: Error) => {
    if (!closed) lost(error);
  };
  pool.on('error', fail);
  listener.on('error', fail);
  listener.on('end', () => fail(new Error('the connection to the database is lost')));
  try {
    await prepare(pool);
    await listener.connect();
    await listener.query(`LISTEN ${CHANNEL}`);
  } catch (error) {
    closed = true;
    await Promise.allSettled([pool.end(), listener.end()]);
    throw error;
  }

  const query = async (text: string, values: readonly unknown[]): Promise<readonly Row[]> => {
    return (await pool.query<Row>(text, [...values])).rows;
  };
  const withSteps = async (boots: readonly Boot[]): Promise<readonly BootWithSteps[]> => {
    const steps = new Map<string, BootStep[]>(boots.map(({ id }) => [id, []]));
    for (const { boot, step } of await query(sql.STEPS, [[...steps.keys()]])) {
      steps.get(String(boot))?.push(JSON.parse(String(step)) as BootStep);
    }
    return boots.map((boot) => ({ ...boot, steps: steps.get(boot.id) ?? [] }));
  };
  const add = async (changes: readonly BootChange[]): Promise<void> => {
    const boots = [...new Map(changes.map(({ boot }) => [boot.id, boot])).values()];
    const machines = [...new Map(boots.map(({ mac, id }) => [mac, { mac, boot: id }])).values()];
    const steps = changes.map(({ boot, step }) => ({ boot: boot.id, at: step.at, step: JSON.stringify(step) }));
    await inTransaction(pool, async (client) => {
      // In one order, so that two daemons do not wait for each other.
      const sorted = boots.sort((a, b) => (a.id < b.id ? -1 : 1));
      await client.query(sql.ADD_BOOTS, [JSON.stringify(sorted)]);
      await client.query(sql.ADD_MACHINES, [JSON.stringify(machines.sort((a, b) => (a.mac < b.mac ? -1 : 1)))]);
      await client.query(sql.ADD_STEPS, [JSON.stringify(steps)]);
    });
  };

  let lastEvent = after ?? Number((await query(sql.LAST_EVENT, []))[0]?.id ?? 0);
  const followers = new Set<Parameters<EventFeed['follow']>[0]>();
  let reading: Promise<void> | undefined;
  let again = false;
  const readEvents = async () => {
    do {
      again = false;
      const rows = await query(sql.EVENTS_AFTER, [lastEvent, LOT]);
      const last = rows.at(-1);
      if (!last) continue;
      lastEvent = Number(last.id);
      const events = rows.map(toEvent);
      for (const follower of followers) follower(events, lastEvent);
      again ||= rows.length === LOT;
    } while (again && !closed);
  };
  const look = () => {
    again = true;
    reading ??= readEvents()
      .catch(fail)
      .finally(() => {
        reading = undefined;
      });
  };
  listener.on('notification', look);
  const looking = setInterval(look, LOOK_EVERY);

  const note = async (kind: NoteKind, key: string): Promise<unknown> => {
    const [row] = await query(sql.GET_NOTE, [kind, key]);
    return row && JSON.parse(String(row.value));
  };

  return {
    add,
    latest: async () =>
      (await query(sql.LATEST, [])).map(({ step, ...row }) => {
        return { ...toBoot(row), step: step === null ? undefined : (JSON.parse(String(step)) as BootStep) };
      }),
    boots: async (mac, limit) => (await query(sql.BOOTS, [mac, limit])).map(toBoot),
    boot: async (id) => (await withSteps((await query(sql.BY_IDS, [[id]])).map(toBoot)))[0],
    byIds: async (ids) => await withSteps((await query(sql.BY_IDS, [ids])).map(toBoot)),
    bootsOf: async (image, limit) => await withSteps((await query(sql.BOOTS_OF, [image, limit])).map(toBoot)),
    notes: async (kind) => {
      const rows = await query(sql.NOTES_OF, [kind]);
      return rows.map(({ key, value }) => [String(key), JSON.parse(String(value)) as unknown] as const);
    },
    note,
    putNote: async (kind, key, value) => {
      if (value) await query(sql.PUT_NOTE, [kind, key, JSON.stringify(value)]);
      else await query(sql.REMOVE_NOTE, [kind, key]);
    },
    addNote: async (kind, key, value) => {
      await query(sql.ADD_NOTE, [kind, key, JSON.stringify(value)]);
      return (await note(kind, key)) as object;
    },
    addOutput: async ({ boot, step, start, data }, at) => {
      await query(sql.ADD_OUTPUT, [boot, step, start, Buffer.byteLength(data, 'base64'), at, data]);
    },
    output: async (boot, after, limit) => {
      const rows = await query(sql.OUTPUT_AFTER, [boot, after, limit]);
      return rows.map((row) => ({ ...row, number: Number(row.number), start: Number(row.start) }) as NumberedOutput);
    },
    outputEnds: async (boot) => {
      return (await query(sql.OUTPUT_ENDS, [boot])).map(({ step, ends }) => [String(step), Number(ends)] as const);
    },
    pruneOutput: async (before) => void (await query(sql.PRUNE_OUTPUT, [before])),
    prune: async (before, keep) => {
      await query(sql.PRUNE_AGE, [before]);
      await query(sql.PRUNE_COUNT, [keep]);
      await query(sql.PRUNE_CANCELLED, []);
      await query(sql.PRUNE_EVENTS, [Date.now() - EVENTS_KEPT]);
    },
    feed: {
      // It is opened anew then.
      onBack: () => {},
      append: async (events) => {
        const rows = events.map(({ event, ...rest }) => ({ ...rest, event: JSON.stringify(event) }));
        // Numbers are given in the order in which others see them: without the lock a lower one may show later.
        await inTransaction(
          pool,
          async (client) => {
            await client.query(sql.ADD_EVENTS, [JSON.stringify(rows)]);
            await client.query(`NOTIFY ${CHANNEL}`);
          },
          EVENTS_LOCK,
        );
      },
      follow: (onEvents) => {
        followers.add(onEvents);
        // Where it begins.
        onEvents([], lastEvent);
        return () => followers.delete(onEvents);
      },
    },
    close: async () => {
      closed = true;
      clearInterval(looking);
      await Promise.allSettled([reading, pool.end(), listener.end()]);
    },
  };
}
