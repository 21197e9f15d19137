import { expect, it } from 'vitest';
import type { Boot, BootStep } from '../../../src/model/fleet/boot.ts';
import type { BootChange, BootStore } from '../../../src/model/fleet/boot-store.ts';
import type { Mac } from '../../../src/model/machine/mac.ts';

export function boot(n: number, more: Partial<Boot> = {}): Boot {
  const about = { node: `n${n}`, image: 'debian', version: undefined, began: n, last: n };
  const mac = `52:54:00:00:00:${(n % 100).toString().padStart(2, '0')}` as Mac;
  return { id: n.toString(16).padStart(16, '0'), mac, ...about, stage: 'script', outcome: 'under-way', ...more };
}

export const step = (at: number, message = 'a step'): BootStep => ({ at, stage: 'script', happening: 'done', message });
export const change = (of: Boot, at: number, message?: string): BootChange => ({ boot: of, step: step(at, message) });

/** What holds of each kind of store. @param open opens one that has nothing at first */
export function itIsAStore(open: () => Promise<BootStore>): void {
  it('keeps boots with their steps in order, as they were last', async () => {
    const store = await open();
    const first = boot(1);
    await store.add([change(first, 10), change({ ...first, stage: 'root', node: undefined }, 30, 'odd: \u0000 " é')]);
    await store.add([change({ ...first, stage: 'up', outcome: 'up', last: 40, node: undefined }, 20)]);
    const after = { ...first, stage: 'up', outcome: 'up', last: 40, node: undefined };
    expect(await store.boot(first.id)).toEqual({ ...after, steps: [step(10), step(20), step(30, 'odd: \u0000 " é')] });
    expect(await store.boot('f'.repeat(16))).toBeUndefined();
    expect(await store.byIds([first.id, 'f'.repeat(16)])).toEqual([await store.boot(first.id)]);
    await store.close();
    const again = await open();
    expect(await again.latest()).toEqual([{ ...after, step: step(30, 'odd: \u0000 " é') }]);
    await again.close();
  });

  it('gives the newest boots of a machine, the last of each, and those that came up with an image', async () => {
    const store = await open();
    const mac = boot(1).mac;
    const boots = [boot(1), boot(2, { mac }), boot(3, { mac, outcome: 'up' }), boot(4), boot(5, { image: 'other' })];
    await store.add(boots.map((each) => change(each, each.began)));
    expect((await store.boots(mac, 2)).map(({ began }) => began)).toEqual([3, 2]);
    expect((await store.latest()).map(({ began }) => began).sort()).toEqual([3, 4, 5]);
    expect((await store.bootsOf('debian', 10)).map(({ began, steps }) => [began, steps.length])).toEqual([[3, 1]]);
    await store.close();
  });

  it('removes old boots, and all but the newest of each machine', async () => {
    const store = await open();
    const mac = boot(1).mac;
    for (let n = 1; n <= 9; n++) await store.add([change(boot(n, { mac }), n)]);
    await store.add([change(boot(50), 50)]);
    for (const n of [1, 9]) await store.putNote('cancelled', boot(n).id, { at: n });
    await store.putNote('order', boot(1).id, { image: 'a' });
    await store.prune(3, 4);
    expect(await store.notes('cancelled')).toEqual([[boot(9).id, { at: 9 }]]);
    expect(await store.notes('order')).toHaveLength(1);
    expect((await store.boots(mac, 100)).map(({ began }) => began)).toEqual([9, 8, 7, 6]);
    expect(await store.boot(boot(1).id)).toBeUndefined();
    expect(await store.latest()).toHaveLength(2);
    await store.close();
  });

  it('may be used by two at once', async () => {
    const [one, two] = [await open(), await open()];
    const adding = Array.from({ length: 40 }, (_, n) => (n % 2 ? one : two).add([change(boot(n), n)]));
    await Promise.all(adding);
    expect(await two.latest()).toHaveLength(40);
    await Promise.all([one.close(), two.close()]);
  });

  it('remembers other things by kind and key', async () => {
    const store = await open();
    expect(await store.notes('order')).toEqual([]);
    await store.putNote('order', 'n001', { image: 'a', odd: '\u0000"' });
    await store.putNote('order', 'n001', { image: 'b', odd: '\u0000"' });
    await store.putNote('installation', 'n001', { image: 'c' });
    expect(await store.notes('order')).toEqual([['n001', { image: 'b', odd: '\u0000"' }]]);
    expect(await store.note('order', 'n001')).toEqual({ image: 'b', odd: '\u0000"' });
    expect(await store.note('order', 'n002')).toBeUndefined();
    await store.putNote('order', 'n001', undefined);
    expect(await store.notes('order')).toEqual([]);
    expect(await store.addNote('secret', 'x', { secret: 1 })).toEqual({ secret: 1 });
    expect(await store.addNote('secret', 'x', { secret: 2 })).toEqual({ secret: 1 });
    await store.close();
  });
}
