import type { BootEvent, RecordEvent } from '../../model/event.ts';
import type { BootStore } from '../../model/fleet/boot-store.ts';
import type { Config } from '../../model/settings/config.ts';
import type { BootNews } from './boot-news.ts';
import { createMetrics } from './metrics.ts';
import type { ReadSecret } from './post.ts';
import { type Sample, sample, samplesOf, samplesOfNews } from './samples.ts';
import { Traces } from './traces.ts';
import { eventOfNews, Webhooks } from './webhooks.ts';

/** Options of {@link openObserver}. */
export interface ObserverOptions {
  readonly config: () => Pick<Config, 'images' | 'webhooks' | 'traces'>;
  /** The names of its nodes. */
  readonly nodeNames: () => ReadonlySet<string>;
  readonly secret: ReadSecret;
  /** Keeps what receivers have not taken yet. */
  readonly store: BootStore | undefined;
  readonly record: RecordEvent;
  /** Of Slipway. */
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** Follows what happens, for metrics, traces and webhooks. Nothing waits for it. */
export interface Observer {
  /** Takes an event of the log. */
  observe(event: BootEvent): void;
  /** Counts an event that is not in the log, because too many come at once. */
  count(event: BootEvent): void;
  /** Takes what became of a boot. */
  takeNews(news: BootNews): void;
  /** All metrics, in the format of Prometheus. @param taken those that the daemon knows when they are read */
  metrics(taken: readonly Sample[]): Promise<string>;
  /** Gives receivers a moment to take what is left, and keeps the rest in the store. */
  stop(): Promise<void>;
}

/** Opens what follows the daemon. */
export function openObserver(options: ObserverOptions): Observer {
  const { config, nodeNames, now, version } = options;
  const metrics = createMetrics({
    has: (kind, name) => {
      if (kind === 'node') return nodeNames().has(name);
      return kind === 'image' ? config().images.includes(name) : config().webhooks.has(name);
    },
  });
  metrics.add([sample('slipway_build_info', { version })]);
  const webhooks = new Webhooks({ ...options, settings: () => config().webhooks, count: metrics.add });
  const traces = new Traces({ ...options, settings: () => config().traces, count: metrics.add });
  const count = (event: BootEvent) => metrics.add(samplesOf(event, now()));
  return {
    count,
    observe: (event) => {
      count(event);
      webhooks.take(event);
    },
    takeNews: (news) => {
      metrics.add(samplesOfNews(news));
      webhooks.take(eventOfNews(news, now()));
      if (news.kind !== 'began') traces.take(news.boot);
    },
    metrics: (taken) => metrics.text([...taken, ...webhooks.samples()]),
    stop: async () => {
      await Promise.all([webhooks.stop(), traces.stop()]);
    },
  };
}
