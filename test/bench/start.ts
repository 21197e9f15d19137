import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFleet } from '../../src/daemon/fleet/fleet.ts';
import { followEarlier } from '../../src/daemon/fleet/open-fleet.ts';
import { type Boot, STAGES } from '../../src/model/fleet/boot.ts';
import type { BootChange } from '../../src/model/fleet/boot-store.ts';
import { Tracker } from '../../src/model/fleet/tracker.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import type { Mac } from '../../src/model/machine/mac.ts';
import { openSqliteStore } from '../daemon/state/built.ts';
import { aConfig } from '../support/config.ts';
import type { Row } from './table.ts';

const MACHINES = 10_000;
/** Boots of each machine, and steps of each boot: a million steps. */
const BOOTS = 10;
const STEPS = 10;

/** The steps of one boot of a machine; the last boots of all have not ended yet. */
function changesOf(machine: number, boot: number, now: number): BootChange[] {
  const digits = machine.toString(16).padStart(8, '0');
  const mac = `52:54:${digits.match(/../g)?.join(':')}` as Mac;
  const isLast = boot === BOOTS - 1;
  const began = now - (BOOTS - boot) * 60_000;
  const about = { id: `${digits}${boot.toString(16).padStart(8, '0')}`, mac, node: `n${machine}`, image: 'debian' };
  const outcome: Boot['outcome'] = isLast ? 'under-way' : 'up';
  return STAGES.slice(0, STEPS).map((stage, index) => {
    const at = began + index;
    const step = { at, stage, happening: 'done', message: `${stage} took a moment`, seconds: 0.5 } as const;
    return { boot: { ...about, version: 'a'.repeat(64), began, last: at, stage, outcome }, step };
  });
}

/** A daemon's start with many boots in its file, and the status of all machines then. */
export async function benchStart(print: (row: Row) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  const file = join(folder, 'slipway.db');
  try {
    const now = Date.now();
    const filling = await openSqliteStore(file, () => {});
    for (let boot = 0; boot < BOOTS; boot++) {
      for (let from = 0; from < MACHINES; from += 50) {
        const machines = Array.from({ length: 50 }, (_, index) => from + index);
        await filling.add(machines.flatMap((machine) => changesOf(machine, boot, now)));
      }
    }
    await filling.close();
    const began = performance.now();
    const store = await openSqliteStore(file, () => {});
    const tracker = new Tracker({ roleOf: () => undefined, nodeOf: () => undefined, newId: () => '0'.repeat(16) });
    const earlier = await followEarlier(tracker, store, Date.now());
    const started = performance.now() - began;
    const fleet = createFleet({
      ...{
        tracker,
        earlier,
        store,
        config: () => aConfig([]),
        facts: new KnownFacts(),
        neighbour: () => undefined,
        secret: '5'.repeat(64),
        origin: 'bench',
      },
      ...{ record: () => {}, onNews: () => {}, now: Date.now, monotonic: () => performance.now() },
      adopt: async () => ({ problem: 'nobody adopts here' }),
      authorise: async () => ({ problem: 'closed' }) as never,
      scripts: {
        preview: async () => undefined,
        show: async () => ({ kind: 'unavailable', why: 'none' }),
        explain: async () => ({}),
        contentsOf: async () => ({ why: 'none' }),
      },
    });
    const asked = performance.now();
    const status = await fleet.status();
    const answered = performance.now() - asked;
    await fleet.stop();
    await store.close();
    print({
      work: `start with ${(MACHINES * BOOTS * STEPS) / 1e6} million steps, ${MACHINES} machines in the middle of a boot`,
      target: '< 1 s',
      figure: `${(started / 1000).toFixed(2)} s, ${[...tracker.boots()].length} boots followed`,
      holds: started < 1000,
    });
    print({
      work: `status of ${MACHINES} machines`,
      target: '< 1 s',
      figure: `${(answered / 1000).toFixed(2)} s, ${status.length} machines`,
      holds: answered < 1000 && status.length === MACHINES,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
