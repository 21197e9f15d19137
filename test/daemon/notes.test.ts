import { beforeEach, expect, it } from 'vitest';
import { Notes } from '../../src/daemon/fleet/next/notes.ts';
import { pipelinesOf } from '../../src/daemon/fleet/next/pipelines.ts';
import type { BootStore } from '../../src/model/fleet/boot-store.ts';
import { openMemoryStore } from '../simulation/world/store.ts';

let store: BootStore & { end(): void };
beforeEach(async () => {
  store = await openMemoryStore();
  return () => store.end();
});

/** As a store is that several daemons share. */
const shared = (more: Partial<BootStore> = {}): BootStore => ({
  ...store,
  feed: { onBack: () => {}, append: async () => {}, follow: () => () => {} },
  ...more,
});

it('reads one note of a store that several daemons share, as it is there now', async () => {
  const notes = new Notes<object>('cancelled', shared({ notes: () => Promise.reject(new Error('all were read')) }));
  expect(await notes.get('b1')).toBeUndefined();
  await store.putNote('cancelled', 'b1', { at: 1 });
  expect(await notes.get('b1')).toEqual({ at: 1 });
  await store.putNote('cancelled', 'b1', undefined);
  expect(await notes.get('b1')).toBeUndefined();
});

it('has what it knows of a note where the store is away', async () => {
  let isAway = false;
  const notes = new Notes<object>(
    'cancelled',
    shared({ note: (kind, key) => (isAway ? Promise.reject(new Error('away')) : store.note(kind, key)) }),
  );
  await store.putNote('cancelled', 'b1', { at: 1 });
  await notes.get('b1');
  isAway = true;
  expect(await notes.get('b1')).toEqual({ at: 1 });
});

it('forgets that a pipeline was cancelled when that is over', async () => {
  const pipelines = pipelinesOf(store, new Notes('order', store), new Notes('cancelled', store), () => 5);
  await pipelines.forgetCancel('b1');
  await pipelines.cancel('b1');
  expect(await store.notes('cancelled')).toEqual([['b1', { at: 5 }]]);
  expect(await pipelines.isCancelled('b1')).toBe(true);
  await pipelines.forgetCancel('b1');
  expect(await pipelines.isCancelled('b1')).toBe(false);
  expect(await store.notes('cancelled')).toEqual([]);
});
