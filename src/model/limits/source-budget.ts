/** What one source may ask for. */
export interface BudgetLimits {
  /** Requests at once. */
  readonly burst: number;
  /** Requests per second that come back. */
  readonly perSecond: number;
}

/** Sources that are remembered at a time, some 100 octets each. One that is forgotten begins with a full bucket. */
const CAPACITY = 16_384;

interface Bucket {
  tokens: number;
  /** When they were counted, milliseconds. */
  at: number;
  /** Whether it was told of since the bucket was full. */
  told: boolean;
}

/**
 * A token bucket for each source of requests that may be forged: what it asks for beyond its share is not looked at. Holds
 * a bounded number of sources and forgets the one that was silent longest.
 */
export class SourceBudget {
  private readonly buckets = new Map<string, Bucket>();
  private readonly limits: BudgetLimits;
  private readonly exhausted: (source: string) => void;

  /** @param exhausted told of a source that gets nothing for now, once until it has been quiet for long enough */
  constructor(limits: BudgetLimits, exhausted: (source: string) => void) {
    this.limits = limits;
    this.exhausted = exhausted;
  }

  /**
   * Whether a source may have one more request looked at.
   * @param source an address, by which it is known
   * @param now milliseconds of a clock that never goes back
   */
  take(source: string, now: number): boolean {
    const { burst, perSecond } = this.limits;
    const bucket = this.buckets.get(source) ?? { tokens: burst, at: now, told: false };
    // Behind all others, as the one that was heard last.
    this.buckets.delete(source);
    this.buckets.set(source, bucket);
    if (this.buckets.size > CAPACITY) {
      const { value: oldest } = this.buckets.keys().next();
      if (oldest !== undefined) this.buckets.delete(oldest);
    }
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perSecond) / 1000);
    bucket.at = now;
    if (bucket.tokens >= burst) bucket.told = false;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return true;
    }
    if (!bucket.told) this.exhausted(source);
    bucket.told = true;
    return false;
  }

  /** The source has shown that it exists, and asked for what it got: that request does not count. */
  giveBack(source: string): void {
    const bucket = this.buckets.get(source);
    if (bucket) bucket.tokens = Math.min(this.limits.burst, bucket.tokens + 1);
  }

  /** How many sources are remembered. */
  get size(): number {
    return this.buckets.size;
  }
}
