import { createFleet } from '../../src/daemon/fleet/fleet.ts';
import { createMetrics } from '../../src/daemon/observe/metrics.ts';
import { openObserver } from '../../src/daemon/observe/observer.ts';
import { samplesOf } from '../../src/daemon/observe/samples.ts';
import { metricsOf } from '../../src/daemon/serving/observed.ts';
import type { ServingState } from '../../src/daemon/serving/serving-state.ts';
import type { BootEvent } from '../../src/model/event.ts';
import { Tracker } from '../../src/model/fleet/tracker.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import type { Mac } from '../../src/model/machine/mac.ts';
import { aConfig, aNode } from '../support/config.ts';
import { median, type Row } from './table.ts';

const EVENTS = 300_000;
const MACHINES = 10_000;
const SCRAPES = 15;

const macOf = (n: number) => `52:54:${n.toString(16).padStart(8, '0').match(/../g)?.join(':')}` as Mac;

/** Microseconds that an event costs, of those that are most frequent. */
function costOfEvent(): number {
  const metrics = createMetrics({ has: (_, name) => name === 'debian' });
  const events: readonly BootEvent[] = [
    { event: 'dhcp.silent', level: 'debug', message: '', reason: 'vendor-class' },
    { event: 'dhcp.offer', level: 'info', message: '', client: 'pxe' },
    { event: 'http.download', level: 'info', message: '', method: 'GET', status: 200, bytes: 7, complete: true },
  ];
  const began = performance.now();
  for (let n = 0; n < EVENTS; n++) metrics.add(samplesOf(events[n % events.length] as BootEvent, n));
  return ((performance.now() - began) * 1000) / EVENTS;
}

/** Reads the metrics of a daemon with many machines, half of which are up; gives milliseconds and bytes. */
async function scrape(perNode: boolean): Promise<{ readonly ms: number; readonly bytes: number }> {
  const nodes = Array.from({ length: MACHINES }, (_, n) => aNode({ name: `n${n}`, macs: [macOf(n)] }));
  const base = aConfig(nodes);
  const config = {
    ...base,
    server: { ...base.server, metrics: { nodes: perNode } },
    images: ['debian'],
    representatives: nodes.slice(0, 1),
  };
  let last = 0;
  const tracker = new Tracker({
    roleOf: () => undefined,
    nodeOf: (mac) => config.byMac.get(mac)?.name,
    newId: () => (++last).toString(16).padStart(16, '0'),
  });
  const clocks = { now: Date.now, monotonic: () => performance.now() };
  const nodeNames = new Set(nodes.map(({ name }) => name));
  const observer = openObserver({
    ...{
      config: () => config,
      nodeNames: () => nodeNames,
      secret: async () => '',
      store: undefined,
      record: () => {},
      version: '1.0.0',
    },
    ...clocks,
  });
  const fleet = createFleet({
    ...{
      tracker,
      earlier: [],
      store: undefined,
      config: () => config,
      facts: new KnownFacts(),
      secret: '5'.repeat(64),
    },
    neighbour: () => undefined,
    ...{ origin: 'bench', record: () => {}, onNews: observer.takeNews, ...clocks },
    adopt: async () => ({ problem: 'nobody adopts here' }),
    authorise: async () => undefined,
    scripts: {
      preview: async () => undefined,
      show: async () => ({ kind: 'unavailable', why: '' }),
      explain: async () => ({}),
      contentsOf: async () => ({ why: '' }),
    },
  });
  for (let n = 0; n < MACHINES; n++) {
    const [mac, level, message] = [macOf(n), 'info', ''] as const;
    fleet.observe({ event: 'dhcp.offer', level, message, mac, client: 'pxe' });
    fleet.observe({ event: 'boot.script', level, message, mac, node: `n${n}`, image: 'debian' });
    const boot = tracker.boot(mac)?.id;
    if (n % 2 === 0) fleet.observe({ event: 'boot.report', level, message, mac, boot, stage: 'up', happening: 'done' });
  }
  const versions = { pin: async () => ({ digest: 'ab'.repeat(32) }) };
  const state = { config, store: { pinned: () => undefined }, versions } as unknown as ServingState;
  const times: number[] = [];
  let bytes = 0;
  for (let n = 0; n < SCRAPES; n++) {
    const began = performance.now();
    bytes = (await metricsOf(observer, state, fleet))?.length ?? 0;
    times.push(performance.now() - began);
  }
  await fleet.stop();
  return { ms: median(times), bytes };
}

/** What metrics cost: an event, and a scrape. */
export async function benchMetrics(print: (row: Row) => void): Promise<void> {
  const cost = costOfEvent();
  print({ work: 'metrics: an event', target: '< 20 µs', figure: `${cost.toFixed(1)} µs`, holds: cost < 20 });
  for (const perNode of [false, true]) {
    const { ms, bytes } = await scrape(perNode);
    const work = `metrics: a scrape, ${MACHINES} machines${perNode ? ', series for each' : ''}`;
    const target = perNode ? 500 : 100;
    const figure = `${ms.toFixed(0)} ms, ${(bytes / 1000).toFixed(0)} kB`;
    print({ work, target: `< ${target} ms`, figure, holds: ms < target });
  }
}
