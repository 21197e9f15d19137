/** Requests to one receiver at the same time. */
const AT_ONCE = 4;
/** Events that wait, and characters of them. */
const MOST = 1000;
const LONGEST = 1024 * 1024;
/** Milliseconds for which an event is tried again. */
export const TRIED_FOR = 3_600_000;
/** The pause before an event is tried again, milliseconds: it doubles each time. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 300_000;

/** An event as it is sent. */
export interface Message {
  readonly id: string;
  readonly body: string;
  /** When it happened, milliseconds since 1970. */
  readonly at: number;
}

/** Options of {@link WebhookQueue}. */
export interface WebhookQueueOptions {
  /** Sends an event; resolves with the reason where the receiver did not take it. */
  readonly send: (message: Message, signal: AbortSignal) => Promise<string | undefined>;
  /** Remembers an event that has to wait, for a daemon that comes after this one. Never rejects. */
  readonly keep: (message: Message) => Promise<void>;
  /** Forgets it again. Never rejects. */
  readonly forget: (message: Message) => Promise<void>;
  /** Called for each try; for `dropped`, when an event is given up. */
  readonly tried: (result: 'sent' | 'retried' | 'dropped') => void;
  /** Called when the receiver begins to take nothing, and when it takes events again: with the number of lost ones. */
  readonly failing: (why: string) => void;
  readonly back: (lost: number) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

interface Waiting extends Message {
  readonly since: number;
  tries: number;
  /** When it may be sent. */
  due: number;
  isKept: boolean;
}

/** The events for one receiver: each is tried until it is taken, or is too old, or too many wait. */
export class WebhookQueue {
  private readonly waiting = new Set<Waiting>();
  private readonly sending = new Set<Waiting>();
  private readonly options: WebhookQueueOptions;
  private readonly ending = new AbortController();
  private length = 0;
  private timer: NodeJS.Timeout | undefined;
  private stopping: (() => void) | undefined;
  private isFailing = false;
  private lost = 0;

  constructor(options: WebhookQueueOptions) {
    this.options = options;
  }

  /** Events that are not taken yet. */
  get size(): number {
    return this.waiting.size + this.sending.size;
  }

  /** @param keptFor milliseconds since it happened, for one that an earlier daemon has kept */
  add(message: Message, keptFor?: number): void {
    const now = this.options.monotonic();
    const isKept = keptFor !== undefined;
    this.put({ ...message, since: now - (keptFor ?? 0), tries: 0, due: now, isKept });
    while (this.waiting.size > MOST || this.length > LONGEST) {
      const [oldest] = this.waiting;
      if (!oldest) break;
      this.take(oldest);
      this.drop(oldest);
    }
    this.pump();
  }

  /** Sends what was never tried, for so long; the rest is kept. @param graceMs milliseconds */
  async stop(graceMs: number): Promise<void> {
    clearTimeout(this.timer);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.stopping = () => {
        clearTimeout(timer);
        resolve();
      };
      this.pump();
    });
    this.ending.abort();
    const left = [...this.waiting, ...this.sending];
    for (const each of this.waiting) this.take(each);
    await Promise.all(left.map((each) => this.keep(each)));
  }

  private put(each: Waiting): void {
    this.waiting.add(each);
    this.length += each.body.length;
  }

  private take(each: Waiting): void {
    if (this.waiting.delete(each)) this.length -= each.body.length;
  }

  private drop(each: Waiting): void {
    this.lost += 1;
    this.options.tried('dropped');
    this.forget(each);
  }

  private async keep(each: Waiting): Promise<void> {
    if (each.isKept) return;
    each.isKept = true;
    await this.options.keep(each);
  }

  private forget(each: Waiting): void {
    if (each.isKept) void this.options.forget(each);
  }

  /** Sends what is due. */
  private pump(): void {
    clearTimeout(this.timer);
    if (this.ending.signal.aborted) return;
    const now = this.options.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const each of this.waiting) {
      if (this.sending.size >= AT_ONCE) return;
      if (each.due > now || (this.stopping && each.tries > 0)) next = Math.min(next, each.due);
      else {
        this.take(each);
        this.sending.add(each);
        this.send(each);
      }
    }
    if (this.stopping) {
      if (this.sending.size === 0) this.stopping();
    } else if (next < Number.POSITIVE_INFINITY) {
      this.timer = setTimeout(() => this.pump(), Math.max(1, next - now));
      this.timer.unref();
    }
  }

  private async send(each: Waiting): Promise<void> {
    const { send, tried, failing, back, monotonic } = this.options;
    const why = await send(each, this.ending.signal).catch((error: Error) => error.message);
    this.sending.delete(each);
    if (this.ending.signal.aborted) return;
    if (why === undefined) {
      tried('sent');
      this.forget(each);
      if (this.isFailing) back(this.lost);
      this.isFailing = false;
      this.lost = 0;
    } else {
      if (!this.isFailing) failing(why);
      this.isFailing = true;
      this.again(each, monotonic());
    }
    this.pump();
  }

  private again(each: Waiting, now: number): void {
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** each.tries);
    each.tries += 1;
    // Not all at the same moment.
    each.due = now + pause * (0.8 + 0.4 * Math.random());
    if (each.due - each.since > TRIED_FOR) this.drop(each);
    else {
      this.options.tried('retried');
      this.put(each);
      void this.keep(each);
    }
  }
}
