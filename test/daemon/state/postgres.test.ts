import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openPostgresStore } from '../../../src/daemon/state/postgres-store.ts';
import { STEPS_OF_TABLES } from '../../../src/daemon/state/postgres-tables.ts';
import { keepStore } from '../../../src/daemon/state/store.ts';
import type { BootEvent } from '../../../src/model/event.ts';
import type { BootStore } from '../../../src/model/fleet/boot-store.ts';
import type { SharedEvent } from '../../../src/model/fleet/shared-events.ts';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import { boot, change, itIsAStore } from './contract.ts';

let postgres: Postgres;
const open = () => openPostgresStore(postgres.url, { after: undefined, lost: () => {} });

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());
afterEach(() => postgres.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));

const event = (origin: string, number: number): SharedEvent => {
  return { origin, number, at: number, event: { event: 'dhcp.offer', level: 'info', message: `\u0000 ${number}` } };
};

/** Waits until something holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(20);
}

/** Waits for an event of the daemon. */
const waitFor = (events: readonly BootEvent[], name: string) => until(() => events.some((each) => each.event === name));

describe('the store in PostgreSQL', () => {
  itIsAStore(open);

  it('refuses tables of a newer version', async () => {
    await (await open()).close();
    await postgres.sql('UPDATE slipway_version SET version = 99');
    await expect(open()).rejects.toThrow(/of a newer Slipway/);
  });

  it('is made by several daemons at once', async () => {
    const stores = await Promise.all(Array.from({ length: 6 }, open));
    expect(await postgres.sql('SELECT version FROM slipway_version')).toBe(`${STEPS_OF_TABLES.length}\n`);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('keeps what knows most of a boot, whichever daemon writes last', async () => {
    const store = await open();
    await store.add([change({ ...boot(1), last: 9, stage: 'up', outcome: 'up' }, 9)]);
    await store.add([change({ ...boot(1), last: 5, stage: 'root' }, 5)]);
    expect(await store.boot(boot(1).id)).toMatchObject({ stage: 'up', steps: [{ at: 5 }, { at: 9 }] });
    await store.close();
  });

  it('keeps the last boot of a machine, though a daemon writes an older one late', async () => {
    const store = await open();
    const { mac } = boot(1);
    await store.add([change(boot(2, { mac }), 2)]);
    await store.add([change(boot(1), 1)]);
    expect((await store.latest()).map(({ began }) => began)).toEqual([2]);
    await store.close();
  });

  it('gives the events of all daemons to each, in one order', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const seen: SharedEvent[][] = stores.map(() => []);
    const all = stores.map(
      (store, index) =>
        new Promise<void>((resolve) => {
          store.feed?.follow((events) => {
            seen[index]?.push(...events);
            if (seen[index]?.length === 60) resolve();
          });
        }),
    );
    const adding = Array.from({ length: 60 }, (_, n) => stores[n % 3]?.feed?.append([event(`d${n % 3}`, n)]));
    await Promise.all([...adding, ...all]);
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
    expect(new Set(seen[0]?.map(({ number }) => number)).size).toBe(60);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('that is away and comes back says so, and loses no event of others', async () => {
    const events: BootEvent[] = [];
    const kept = keepStore({ place: postgres.url, record: (each) => events.push(each), now: Date.now });
    const seen: number[] = [];
    kept.feed?.follow((shared) => seen.push(...shared.map(({ number }) => number)));
    await kept.feed?.append([event('a', 1)]);
    await postgres.kill();
    await waitFor(events, 'state.away');
    await expect(kept.latest()).rejects.toThrow('boots are not kept just now');
    await postgres.restart();
    const other: BootStore = await open();
    await other.feed?.append([event('b', 2)]);
    await waitFor(events, 'state.back');
    await kept.feed?.append([event('a', 3)]);
    await until(() => seen.includes(3));
    expect(seen).toEqual([1, 2, 3]);
    expect(events.map((each) => each.event)).toEqual(['state.away', 'state.back']);
    await Promise.all([kept.close(), other.close()]);
  });

  it('that cannot be reached is told without its password', async () => {
    const events: BootEvent[] = [];
    const place = 'postgres://slipway:secret-word@127.0.0.1:9/boots';
    const kept = keepStore({ place, record: (each) => events.push(each), now: Date.now });
    await waitFor(events, 'state.away');
    expect(events[0]?.message).toContain('ECONNREFUSED');
    expect(events[0]?.message).not.toContain('secret-word');
    await kept.close();
  });
});
