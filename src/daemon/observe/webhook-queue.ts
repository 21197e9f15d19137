/** Requests to one receiver at the same time. */
const AT_ONCE = 4;
/** Events that wait, and characters of them. */
const MOST = 1000;
const LONGEST = 1024 * 1024;
/** Milliseconds for which an event is tried again. */
const KEPT = 3_600_000;
/** The pause before an event is tried again, milliseconds: it doubles each time. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 300_000;

/** An event as it is sent. */
export interface Message {
  readonly id: string;
  readonly body: string;
}

/** Options of {@link WebhookQueue}. */
export interface WebhookQueueOptions {
  /** Sends an event; resolves with the reason where the receiver did not take it. */
  readonly send: (message: Message, signal: AbortSignal) => Promise<string | undefined>;
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

  add(message: Message): void {
    const now = this.options.monotonic();
    this.put({ ...message, since: now, tries: 0, due: now });
    while (this.waiting.size > MOST || this.length > LONGEST) {
      const [oldest] = this.waiting;
      if (!oldest) break;
      this.take(oldest);
      this.drop();
    }
    this.pump();
  }

  /** Sends what was never tried, for so long; the rest is lost. @param graceMs milliseconds */
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
    for (const each of this.waiting) this.take(each);
  }

  private put(each: Waiting): void {
    this.waiting.add(each);
    this.length += each.body.length;
  }

  private take(each: Waiting): void {
    if (this.waiting.delete(each)) this.length -= each.body.length;
  }

  private drop(): void {
    this.lost += 1;
    this.options.tried('dropped');
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
    if (each.due - each.since > KEPT) this.drop();
    else {
      this.options.tried('retried');
      this.put(each);
    }
  }
}
