/** A program for the tests: writes lots of steps without end, and prints each that was acknowledged. */

import type { Mac } from '../../../src/model/mac.ts';
import { openSqliteStore } from './built.ts';

const [file = '', from = '0'] = process.argv.slice(2);
const store = await openSqliteStore(file, () => {});
for (let lot = Number(from) + 1; ; lot++) {
  const id = lot.toString(16).padStart(16, '0');
  const about = { node: undefined, image: undefined, version: undefined, began: lot, last: lot };
  const boot = { id, mac: '52:54:00:00:00:01' as Mac, ...about, stage: 'dhcp', outcome: 'under-way' } as const;
  const step = { at: lot, stage: 'dhcp', happening: 'done', message: 'x'.repeat(500) } as const;
  await store.add(Array.from({ length: 20 }, () => ({ boot, step })));
  process.stdout.write(`acknowledged ${lot}\n`);
}
