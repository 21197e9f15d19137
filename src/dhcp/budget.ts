/** Milliseconds over which a budget is counted. */
const WINDOW = 1000;

/** Lets a bounded number of events a second through and counts the rest, so that a flood cannot fill a log. */
export class Budget {
  private readonly perSecond: number;
  private windowStart = Number.NEGATIVE_INFINITY;
  private used = 0;
  private suppressed = 0;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  /**
   * Asks to let one event through.
   * @param now milliseconds
   * @returns how many were held back since the last one that passed, or undefined to hold this one back too
   */
  take(now: number): number | undefined {
    if (now - this.windowStart >= WINDOW) {
      this.windowStart = now;
      this.used = 0;
    }
    if (this.used >= this.perSecond) {
      this.suppressed++;
      return undefined;
    }
    this.used++;
    const before = this.suppressed;
    this.suppressed = 0;
    return before;
  }
}
