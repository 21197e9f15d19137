import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type BootStep, STAGES } from '../../src/model/fleet/boot.ts';
import type { BootChange, BootStore } from '../../src/model/fleet/boot-store.ts';
import type { Mac } from '../../src/model/machine/mac.ts';
import { openSqliteStore } from '../daemon/state/built.ts';
import type { Row } from './table.ts';

const BOOTS = 10_000;
const STEPS = 12;
/** The time in which all of them are written, seconds, and the pace at which they come, milliseconds. */
const SECONDS = 60;
const TICK_MS = 100;
/** How often somebody asks for all machines, ticks. */
const ASKED_EVERY = 20;

/** The step of a boot, both by their numbers. */
function changeOf(n: number, s: number) {
  const digits = n.toString(16).padStart(8, '0');
  const mac = `52:54:${digits.match(/../g)?.join(':')}` as Mac;
  const stage = STAGES[s] ?? 'up';
  const at = Date.now();
  const step: BootStep = { at, stage, happening: 'done', message: `${stage} took a moment`, bytes: n, seconds: 0.5 };
  const outcome = s === STEPS - 1 ? 'up' : 'under-way';
  const boot = { id: `${digits}00000000`, mac, node: `n${n}`, image: 'debian', version: 'a'.repeat(64) } as const;
  return { boot: { ...boot, began: at, last: at, stage, outcome } as const, step };
}

/** Milliseconds that the main thread has run (proc(5), schedstat). */
const ran = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

/**
 * Has all boots at once do one step after the other, at an even pace. @returns milliseconds: the longest delay of the event
 * loop, the longest work at a stretch (processor time, so that other programs do not count), and the slowest step
 */
async function load(store: BootStore | undefined, seconds: number) {
  const total = (BOOTS * STEPS * seconds) / SECONDS;
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  const began = performance.now();
  let slowest = 0;
  let stretch = 0;
  let before = ran();
  const looking = setInterval(() => {
    const now = ran();
    stretch = Math.max(stretch, now - before);
    before = now;
  }, 2);
  let next = 0;
  const waiting = new Set<Promise<unknown>>();
  const wait = (promise: Promise<unknown> | undefined) => {
    if (!promise) return;
    waiting.add(promise);
    void promise.finally(() => waiting.delete(promise));
  };
  monitor.enable();
  for (let tick = 0; next < total; tick++) {
    const due = Math.min(total, ((performance.now() - began) / 1000 / seconds) * total);
    const changes: BootChange[] = [];
    for (; next < due; next++) {
      const change = changeOf(next % BOOTS, Math.floor(next / BOOTS));
      changes.push(change);
    }
    const at = performance.now();
    if (changes.length > 0) {
      wait(
        store?.add(changes).then(() => {
          slowest = Math.max(slowest, performance.now() - at);
        }),
      );
    }
    if (tick % ASKED_EVERY === 0) wait(store?.latest());
    await delay(TICK_MS);
  }
  await Promise.all(waiting);
  monitor.disable();
  clearInterval(looking);
  return { longest: monitor.max / 1e6, stretch, slowest };
}

/** The store of boots: how long it keeps the daemon's event loop waiting while many machines boot. */
export async function benchState(print: (row: Row) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  const file = join(folder, 'slipway.db');
  try {
    const without = await load(undefined, SECONDS / 6);
    const store = await openSqliteStore(file, () => {});
    const loaded = await load(store, SECONDS);
    const kept = await store.latest();
    await store.close();
    print({
      work: `${BOOTS} boots of ${STEPS} steps written in ${SECONDS} s, all machines read every ${(TICK_MS * ASKED_EVERY) / 1000} s: the longest delay of the event loop`,
      target: '<= 20 ms',
      figure: `${loaded.longest.toFixed(0)} ms (${without.longest.toFixed(0)} ms without a store), ${kept.length} boots kept in ${((await stat(file)).size / 2 ** 20).toFixed(0)} MiB`,
      holds: loaded.longest <= 20 && kept.length === BOOTS,
    });
    print({
      work: 'the longest that the event loop works at a stretch in the same run, processor time',
      target: '<= 20 ms',
      figure: `${loaded.stretch.toFixed(0)} ms (${without.stretch.toFixed(0)} ms without a store)`,
      holds: loaded.stretch <= 20,
    });
    print({
      work: 'the slowest step in the same run, until it was safe',
      target: '',
      figure: `${loaded.slowest.toFixed(0)} ms`,
      holds: undefined,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
