import { dropOldest } from './drop-oldest.ts';

/** Limits for one source of requests. */
export interface BudgetLimits {
  /** Requests at once. */
  readonly burst: number;
  /** Requests per second after the burst. */
  readonly perSecond: number;
}

/** Remembered sources, some 100 octets each. A forgotten source begins with a full bucket again. */
const CAPACITY = 16_384;

interface Bucket {
  tokens: number;
  /** When the tokens were counted, milliseconds. */
  at: number;
  /** Whether `exhausted` was called since the bucket was full. */
  reported: boolean;
}

/**
 * A token bucket for each source of requests, which may be forged: requests beyond its budget are dropped. Holds a
 * bounded number of sources and forgets the one that was silent longest.
 */
export class SourceBudget {
  private readonly buckets = new Map<string, Bucket>();
  private readonly limits: BudgetLimits;
  private readonly exhausted: (source: string) => void;

  /** @param exhausted called for a source that exceeds its limits, once until its bucket is full again */
  constructor(limits: BudgetLimits, exhausted: (source: string) => void) {
    this.limits = limits;
    this.exhausted = exhausted;
  }

  /**
   * Counts a request; false if the source has exceeded its limits.
   * @param source its address
   * @param now milliseconds of a clock that never goes back
   */
  take(source: string, now: number): boolean {
    const { burst, perSecond } = this.limits;
    const bucket = this.buckets.get(source) ?? { tokens: burst, at: now, reported: false };
    // Behind all others, as the most recent one.
    this.buckets.delete(source);
    this.buckets.set(source, bucket);
    dropOldest(this.buckets, CAPACITY);
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perSecond) / 1000);
    bucket.at = now;
    if (bucket.tokens >= burst) bucket.reported = false;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return true;
    }
    if (!bucket.reported) this.exhausted(source);
    bucket.reported = true;
    return false;
  }

  /** Gives a request back to a source that has proved that its address is not forged. */
  giveBack(source: string): void {
    const bucket = this.buckets.get(source);
    if (bucket) bucket.tokens = Math.min(this.limits.burst, bucket.tokens + 1);
  }

  /** Number of remembered sources. */
  get size(): number {
    return this.buckets.size;
  }
}
