import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Boot, BootStep } from '../../../src/model/fleet/boot.ts';
import type { BootChange } from '../../../src/model/fleet/boot-store.ts';
import type { Mac } from '../../../src/model/machine/mac.ts';
import { start } from '../../support/process.ts';
import { BUILT, openSqliteStore } from './built.ts';

/** Writes lots of steps without end, and prints each that was acknowledged. Arguments: the file, the last lot. */
const WRITER = `
  import('${BUILT}').then(async ({ openSqliteStore }) => {
  const store = await openSqliteStore(process.argv[1], () => {});
  for (let lot = Number(process.argv[2]) + 1; ; lot++) {
    const id = lot.toString(16).padStart(16, '0');
    const boot = { id, mac: '52:54:00:00:00:01', began: lot, last: lot, stage: 'dhcp', outcome: 'under-way' };
    const step = { at: lot, stage: 'dhcp', happening: 'done', message: 'x'.repeat(500) };
    await store.add(Array.from({ length: 20 }, () => ({ boot, step })));
    process.stdout.write('acknowledged ' + lot + '\\n');
  }
  });`;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-state-'));
  file = join(folder, 'slipway.db');
});
afterEach(() => rm(folder, { recursive: true }));

const open = () => openSqliteStore(file, () => {});

function boot(n: number, more: Partial<Boot> = {}): Boot {
  const about = { node: `n${n}`, image: 'debian', version: undefined, began: n, last: n };
  const mac = `52:54:00:00:00:${(n % 100).toString().padStart(2, '0')}` as Mac;
  return { id: n.toString(16).padStart(16, '0'), mac, ...about, stage: 'script', outcome: 'under-way', ...more };
}

const step = (at: number, message = 'a step'): BootStep => ({ at, stage: 'script', happening: 'done', message });
const change = (of: Boot, at: number, message?: string): BootChange => ({ boot: of, step: step(at, message) });

describe('the store in a file', () => {
  it('keeps boots with their steps in order, as they were last', async () => {
    const store = await open();
    const first = boot(1);
    await store.add([change(first, 10), change({ ...first, stage: 'root', node: undefined }, 30, 'odd: \u0000 " é')]);
    await store.add([change({ ...first, stage: 'up', outcome: 'up', last: 40, node: undefined }, 20)]);
    const after = { ...first, stage: 'up', outcome: 'up', last: 40, node: undefined };
    expect(await store.boot(first.id)).toEqual({ ...after, steps: [step(10), step(20), step(30, 'odd: \u0000 " é')] });
    expect(await store.boot('f'.repeat(16))).toBeUndefined();
    await store.close();
    const again = await open();
    expect(await again.latest()).toEqual([after]);
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
    await store.prune(3, 4);
    expect((await store.boots(mac, 100)).map(({ began }) => began)).toEqual([9, 8, 7, 6]);
    expect(await store.boot(boot(1).id)).toBeUndefined();
    expect(await store.latest()).toHaveLength(2);
    await store.close();
    const database = new Database(file);
    expect(database.prepare('SELECT count(*) AS steps FROM step').get()).toEqual({ steps: 5 });
    database.close();
  });

  it('may be used by two at once', async () => {
    const [one, two] = [await open(), await open()];
    const adding = Array.from({ length: 40 }, (_, n) => (n % 2 ? one : two).add([change(boot(n), n)]));
    await Promise.all(adding);
    expect(await two.latest()).toHaveLength(40);
    await Promise.all([one.close(), two.close()]);
  });

  it('moves a damaged file aside and begins anew', async () => {
    await writeFile(file, `SQLite format 3\0${'damage'.repeat(1000)}`);
    let moved = '';
    const store = await openSqliteStore(file, (path) => {
      moved = path;
    });
    await store.add([change(boot(1), 1)]);
    expect(moved).toBe(`${file}.damaged`);
    expect(await readdir(folder)).toContain('slipway.db.damaged');
    await store.close();
  });

  it('leaves a file alone that never was one of SQLite', async () => {
    await writeFile(file, 'nodes: { n001: {} }\n'.repeat(100));
    await expect(open()).rejects.toThrow(/not a database/);
    expect(await readdir(folder)).toEqual(['slipway.db']);
  });

  it('refuses the file of a newer version, and a folder that is not there', async () => {
    const database = new Database(file);
    database.pragma('user_version = 99');
    database.close();
    await expect(open()).rejects.toThrow(/of a newer Slipway/);
    await expect(openSqliteStore(join(folder, 'no/such'), () => {})).rejects.toThrow(/no\/such: .*director/);
  });

  it('rejects calls after its end', async () => {
    const store = await open();
    await store.close();
    await expect(store.latest()).rejects.toThrow(/is closed/);
  });

  it('has every step that was acknowledged after its process was killed, at 100 moments', async () => {
    let written = 0;
    for (let round = 0; round < 100; round++) {
      const writer = start(process.execPath, ['-e', WRITER, file, String(written)]);
      // The moment is another one in each round: after so many acknowledged lots, in the middle of the next.
      await writer.until(new RegExp(`^acknowledged ${written + 1 + (round % 7)}$`, 'm'));
      writer.child.kill('SIGKILL');
      await writer.exit;
      const acknowledged = [...writer.output.matchAll(/^acknowledged (\d+)$/gm)].map(([, n]) => Number(n));
      const database = new Database(file);
      const found = new Set(database.prepare('SELECT DISTINCT at FROM step').pluck().all());
      expect(database.pragma('quick_check', { simple: true })).toBe('ok');
      database.close();
      expect(acknowledged.filter((lot) => !found.has(lot))).toEqual([]);
      written = found.size;
    }
    expect(written).toBeGreaterThan(300);
  }, 300_000);
});
