import type { BootEvent } from '../../../model/event.ts';
import type { EventFeed, SharedEvent } from '../../../model/fleet/shared-events.ts';

/** How long own events may take to come back before they count without the others', milliseconds. */
const PATIENCE = 500;
/** Events of this daemon that are under way; more count at once. */
const UNDER_WAY = 10_000;
/** Events that are sent together at most. */
const LOT = 500;

/** Options of {@link Sharing}. */
export interface SharingOptions {
  readonly feed: EventFeed;
  /** The name of this daemon, different for each. */
  readonly origin: string;
  /** Takes an event in the order of all daemons. @param own whether it is this daemon's */
  readonly apply: (event: SharedEvent, own: boolean) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/**
 * Has the events of several daemons count in one order, at each of them: own ones count when they come back from the
 * feed. Where it is away they count at once, so that machines boot all the same.
 */
export class Sharing {
  private readonly underWay = new Map<number, { readonly event: SharedEvent; readonly since: number }>();
  private readonly waiting: SharedEvent[] = [];
  private readonly settling = new Set<() => void>();
  private readonly options: SharingOptions;
  private readonly timer: NodeJS.Timeout;
  private readonly unfollow: () => void;
  private last = 0;
  private sending: Promise<void> | undefined;

  constructor(options: SharingOptions) {
    this.options = options;
    this.unfollow = options.feed.follow((events) => this.take(events));
    this.timer = setInterval(() => this.giveUpOnOld(), PATIENCE / 5);
    this.timer.unref();
  }

  /** @param at milliseconds since 1970 */
  observe(event: BootEvent, at: number): void {
    this.last += 1;
    const shared = { origin: this.options.origin, number: this.last, at, event };
    if (this.underWay.size >= UNDER_WAY) {
      this.options.apply(shared, true);
      return;
    }
    this.underWay.set(shared.number, { event: shared, since: this.options.monotonic() });
    this.waiting.push(shared);
    this.sending ??= this.send();
  }

  /** Resolves when all events so far count. */
  async settled(): Promise<void> {
    const wanted = this.last;
    while ([...this.underWay.keys()].some((number) => number <= wanted)) {
      await new Promise<void>((resolve) => this.settling.add(resolve));
    }
  }

  private async send(): Promise<void> {
    // What comes in the same turn goes together.
    await new Promise(setImmediate);
    while (this.waiting.length > 0) {
      const lot = this.waiting.splice(0, LOT);
      // A feed that is away has said so.
      await this.options.feed.append(lot).catch(() => this.count(lot));
    }
    this.sending = undefined;
  }

  private take(events: readonly SharedEvent[]): void {
    const { apply, origin } = this.options;
    for (const event of events) {
      if (event.origin !== origin) apply(event, false);
      else if (this.underWay.delete(event.number)) apply(event, true);
    }
    this.wake();
  }

  /** Has own events count though they have not come back. */
  private count(events: readonly SharedEvent[]): void {
    for (const event of events) if (this.underWay.delete(event.number)) this.options.apply(event, true);
    this.wake();
  }

  private giveUpOnOld(): void {
    const limit = this.options.monotonic() - PATIENCE;
    const old = [...this.underWay.values()].filter(({ since }) => since < limit).map(({ event }) => event);
    if (old.length > 0) this.count(old);
  }

  private wake(): void {
    const all = [...this.settling];
    this.settling.clear();
    for (const resolve of all) resolve();
  }

  /** Sends what is left. */
  async stop(): Promise<void> {
    await this.sending;
    clearInterval(this.timer);
    this.count([...this.underWay.values()].map(({ event }) => event));
    this.unfollow();
  }
}
