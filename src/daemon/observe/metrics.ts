import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LabelValues, MetricDefinition, MetricName } from './metrics-table.ts';
import { METRICS } from './metrics-table.ts';
import type { Sample } from './samples.ts';

/** The names of the configuration that labels may have. */
export interface LabelNames {
  has(kind: 'image' | 'node' | 'webhook', name: string): boolean;
}

/** The metrics, as they stand. */
export interface Metrics {
  add(samples: readonly Sample[]): void;
  /**
   * The text of all metrics, in the format of Prometheus.
   * @param taken those that are taken anew each time
   */
  text(taken: readonly Sample[]): Promise<string>;
}

/** Gauges of the library's that are called as counters are. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** A version is a digest or a number of a release: it comes from this server, never from the network. */
const VERSION = /^[\w.+-]{1,64}$/;

function bounded(values: LabelValues, value: string | undefined, names: LabelNames): string {
  if (value === undefined) return 'none';
  if (values === 'version') return VERSION.test(value) ? value : 'other';
  const isKnown = typeof values === 'string' ? names.has(values, value) : values.includes(value);
  return isKnown ? value : 'other';
}

/** The series that are there from the start, at 0, so that their first rise is seen: where all values are known. */
function* combinations(labels: MetricDefinition['labels']): Generator<Record<string, string>> {
  const [first, ...others] = Object.entries(labels);
  if (!first) return yield {};
  const [label, values] = first;
  if (typeof values === 'string') return;
  for (const rest of combinations(Object.fromEntries(others)))
    for (const value of values) yield { [label]: value, ...rest };
}

type Add = (labels: Record<string, string>, value: number) => void;

function register(registry: Registry, name: MetricName): { readonly add: Add; readonly clear: () => void } {
  const { type, help, labels, buckets = [], taken }: MetricDefinition = METRICS[name];
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  if (type === 'histogram') {
    const histogram = new Histogram({ ...options, buckets: [...buckets] });
    for (const each of combinations(labels)) histogram.zero(each);
    return { add: (each, value) => histogram.observe(each, value), clear: () => {} };
  }
  if (type === 'counter') {
    const counter = new Counter(options);
    for (const each of combinations(labels)) counter.inc(each, 0);
    return { add: (each, value) => counter.inc(each, value), clear: () => {} };
  }
  const gauge = new Gauge(options);
  return { add: (each, value) => gauge.set(each, value), clear: taken ? () => gauge.reset() : () => {} };
}

/** Makes all metrics, with those of the process: memory, processor time, delay of the event loop. */
export function createMetrics(names: LabelNames): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const all = Object.keys(METRICS) as MetricName[];
  const metrics = new Map(all.map((name) => [name, register(registry, name)] as const));
  const add = (samples: readonly Sample[]) => {
    for (const { metric, labels, value } of samples) {
      const definition: MetricDefinition = METRICS[metric];
      const own = Object.entries(definition.labels);
      metrics
        .get(metric)
        ?.add(Object.fromEntries(own.map(([label, values]) => [label, bounded(values, labels[label], names)])), value);
    }
  };
  return {
    add,
    text: async (taken) => {
      for (const { clear } of metrics.values()) clear();
      add(taken);
      return await registry.metrics();
    },
  };
}
