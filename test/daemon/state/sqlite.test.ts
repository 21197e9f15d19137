import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findDriver } from '../../../src/daemon/state/driver.ts';
import { start } from '../../support/process.ts';
import { BUILT, openSqliteStore } from './built.ts';
import { boot, change, itIsAStore } from './contract.ts';

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

const openDatabase = await findDriver();

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-state-'));
  file = join(folder, 'slipway.db');
});
afterEach(() => rm(folder, { recursive: true }));

const open = () => openSqliteStore(file, () => {});

describe('the store in a file', () => {
  itIsAStore(open);

  it('removes the steps with their boots', async () => {
    const store = await open();
    for (let n = 1; n <= 9; n++) await store.add([change(boot(n, { mac: boot(1).mac }), n)]);
    await store.prune(3, 4);
    await store.close();
    const database = openDatabase(file);
    expect(database.prepare('SELECT count(*) AS steps FROM step').all()).toEqual([{ steps: 4 }]);
    database.close();
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
    const database = openDatabase(file);
    database.exec('PRAGMA user_version = 99');
    database.close();
    await expect(open()).rejects.toThrow(/of a newer Slipway/);
    await expect(openSqliteStore(join(folder, 'no/such'), () => {})).rejects.toThrow(
      /no\/such: .*(?:director|unable to open)/,
    );
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
      const database = openDatabase(file);
      const rows = database.prepare('SELECT DISTINCT at FROM step').all() as readonly { readonly at: number }[];
      const found = new Set(rows.map(({ at }) => at));
      expect(database.prepare('PRAGMA quick_check').all()).toEqual([{ quick_check: 'ok' }]);
      database.close();
      expect(acknowledged.filter((lot) => !found.has(lot))).toEqual([]);
      written = found.size;
    }
    expect(written).toBeGreaterThan(300);
  }, 300_000);
});
