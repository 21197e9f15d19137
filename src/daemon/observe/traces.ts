import { setTimeout as delay } from 'node:timers/promises';
import type { RecordEvent } from '../../model/event.ts';
import type { BootWithSteps } from '../../model/fleet/boot.ts';
import type { TraceSettings } from '../../model/settings/observe.ts';
import { spansOf, traceRequest } from './otlp.ts';
import { post, type ReadSecret, readText } from './post.ts';
import { type Sample, sample } from './samples.ts';

/** Boots that wait; more are given up. */
const MOST = 2000;
/** Boots in one request. */
const LOT = 50;
/** The pause before the second try, which is the last, milliseconds. */
const PAUSE = 5000;
/** How long the end of the daemon waits for the receiver, milliseconds. */
const GRACE = 2000;

/** Options of {@link Traces}. */
export interface TracesOptions {
  /** Where they go; undefined for nowhere. */
  readonly settings: () => TraceSettings | undefined;
  readonly secret: ReadSecret;
  readonly record: RecordEvent;
  readonly count: (samples: readonly Sample[]) => void;
  /** The version of Slipway. */
  readonly version: string;
  /** For tests: the pause before the second try, milliseconds. */
  readonly pauseMs?: number;
}

/** Sends boots as traces, in lots, one after the other. */
export class Traces {
  private readonly waiting: BootWithSteps[] = [];
  private readonly options: TracesOptions;
  private readonly ending = new AbortController();
  private sending: Promise<void> | undefined;
  private isFailing = false;

  constructor(options: TracesOptions) {
    this.options = options;
  }

  /** Takes a boot that came to its end. */
  take(boot: BootWithSteps): void {
    if (!this.options.settings()) return;
    // Its steps go on to grow.
    if (this.waiting.length < MOST) this.waiting.push({ ...boot, steps: [...boot.steps] });
    else this.count('dropped', 1);
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
    });
  }

  /** Waits a moment for what is under way; the rest is lost. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.ending.abort(), GRACE);
    await this.sending;
    clearTimeout(timer);
  }

  private count(result: 'sent' | 'dropped', boots: number): void {
    this.options.count([sample('slipway_traces_total', { result }, boots)]);
  }

  private async sendAll(): Promise<void> {
    // What ends in the same turn goes together.
    await new Promise(setImmediate);
    while (this.waiting.length > 0 && !this.ending.signal.aborted) {
      const lot = this.waiting.splice(0, LOT);
      const body = traceRequest(lot.flatMap(spansOf), this.options.version);
      let why = await this.send(body);
      if (why !== undefined && !this.ending.signal.aborted) {
        // It rejects where the end comes meanwhile.
        const { signal } = this.ending;
        await delay(this.options.pauseMs ?? PAUSE, undefined, { signal, ref: false }).catch(() => {});
        why = await this.send(body);
      }
      this.count(why === undefined ? 'sent' : 'dropped', lot.length);
      this.tell(why);
    }
  }

  /** @returns why the receiver did not take it */
  private async send(body: string): Promise<string | undefined> {
    const { settings, secret } = this.options;
    const own = settings();
    if (!own) return 'they are sent nowhere any more';
    try {
      const read = [...own.headers].map(async ([name, value]) => [name, await readText(value, secret)] as const);
      const headers = Object.fromEntries(await Promise.all(read));
      return await post(own.url, { ...headers, 'content-type': 'application/json' }, body, this.ending.signal);
    } catch (error) {
      return (error as Error).message;
    }
  }

  private tell(why: string | undefined): void {
    if ((why !== undefined) === this.isFailing) return;
    this.isFailing = why !== undefined;
    const { record } = this.options;
    if (why === undefined) record({ event: 'traces.back', level: 'info', message: 'traces are taken again' });
    else record({ event: 'traces.failed', level: 'warn', message: `traces are lost: ${why}` });
  }
}
