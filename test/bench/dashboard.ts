import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Page } from 'puppeteer-core';
import { startBrowser } from '../support/dashboard/browser.ts';
import { addressOf, macOf, SimulatedFleet } from '../support/dashboard/simulated-fleet.ts';
import type { Row } from './table.ts';

const MACHINES = 500;
/** The longest from the begin of the navigation until something is painted, milliseconds. */
const FIRST_PAINT = 1000;
/** How long machines boot again and again before the first look at the memory, and then until the second, seconds. */
const WARM = 60;
const SECONDS = Number(process.env.SLIPWAY_BENCH_SECONDS ?? 600);
/** The most that the memory of the page may have grown meanwhile. */
const GROWTH = 1.2;
/** Looks at the memory of the page for one figure. */
const LOOKS = 6;

const MB = 1024 * 1024;

/**
 * What the page still holds after the garbage was collected, bytes: the least of some looks, as answers come meanwhile.
 * The page holds the last lot of changes until there is another one: here, one of a single machine.
 */
async function heapOf(page: Page, fleet: SimulatedFleet): Promise<number> {
  const session = await page.createCDPSession();
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < LOOKS; look++) {
    await fleet.boot(macOf(1), addressOf(1)).next();
    await delay(1000);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    least = Math.min(least, usedSize);
  }
  await session.detach();
  return least;
}

/** The same of this process, in which the daemon's part runs, and the machines. */
function ownHeap(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Has all machines boot, one boot after the other, for some time. @returns changes that the page was sent */
async function bootFor(fleet: SimulatedFleet, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let changes = 0;
  while (performance.now() < end) {
    const boots = Array.from({ length: MACHINES }, (_, n) => fleet.boot(macOf(n + 1), addressOf(n + 1)));
    for (let isOver = false; !isOver; ) {
      const steps = await Promise.all(boots.map((boot) => boot.next()));
      isOver = steps.every(({ done }) => done);
      if (!isOver) changes += MACHINES;
      await delay(500);
    }
  }
  return changes;
}

/** The first paint of the dashboard, and its memory while many machines boot. */
export async function benchDashboard(print: (row: Row) => void): Promise<void> {
  const nodes = Array.from({ length: MACHINES }, (_, n) => `  n${n + 1}: { mac: "${macOf(n + 1)}", image: debian }`);
  const image = '{ kernel: vmlinuz, initrd: initrd.img, root: { method: image, source: root.img } }';
  const fleet = await SimulatedFleet.start(`images: { debian: ${image} }\nnodes:\n${nodes.join('\n')}\n`);
  const browser = await startBrowser();
  try {
    const { page } = await browser.open(`${fleet.url}/`);
    await bootFor(fleet, WARM);
    const painted = await page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.POSITIVE_INFINITY,
    );
    const [paint, figure] = [`dashboard: first paint, ${MACHINES} machines`, `${painted.toFixed(0)} ms`];
    print({ work: paint, target: `${FIRST_PAINT} ms at most`, figure, holds: painted <= FIRST_PAINT });
    const look = async () => ({ page: await heapOf(page, fleet), daemon: ownHeap() });
    const before = await look();
    const changes = await bootFor(fleet, SECONDS);
    const after = await look();
    const work = `dashboard: memory while ${MACHINES} machines boot, ${SECONDS} s, ${changes} changes`;
    for (const who of ['page', 'daemon'] as const) {
      const [first, last] = [before[who] / MB, after[who] / MB];
      const figure = `${first.toFixed(1)} MB, then ${last.toFixed(1)} MB`;
      print({ work: `${work}: ${who}`, target: `× ${GROWTH} at most`, figure, holds: last <= first * GROWTH });
    }
  } finally {
    await browser.close();
    await fleet.stop();
  }
}
