import type { BootChange } from '../../model/fleet/boot-store.ts';
import type { News, NumberedChange } from '../../model/fleet/status.ts';

/** The last changes, numbered, for clients that follow them. */
export class ChangeLog {
  private readonly changes: NumberedChange[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly max: number;
  private last = 0;
  private stopped = false;

  /** @param max changes that are remembered */
  constructor(max: number) {
    this.max = max;
  }

  /** The number of the last change; 0 before the first. */
  get newest(): number {
    return this.last;
  }

  add(changes: readonly BootChange[]): void {
    for (const change of changes) {
      this.last += 1;
      this.changes.push({ ...change, number: this.last });
    }
    // In lots, as taking off the first is slow.
    if (this.changes.length > 2 * this.max) this.changes.splice(0, this.changes.length - this.max);
    for (const wake of this.waiting) wake();
  }

  /**
   * Waits for changes after a number.
   * @param after the last known number; undefined, or one of another daemon's, for those from now on
   * @param patienceMs after which there are none
   * @returns the oldest first; undefined once it is stopped
   */
  async since(after: number | undefined, patienceMs: number): Promise<News | undefined> {
    const known = after === undefined || after > this.last ? this.last : after;
    if (known === this.last && !this.stopped) await this.next(patienceMs);
    if (this.stopped) return undefined;
    const changes = this.changes.filter(({ number }) => number > known).slice(0, this.max);
    return { last: changes.at(-1)?.number ?? known, changes };
  }

  private next(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, patienceMs);
      this.waiting.add(wake);
    });
  }

  /** Ends all waiting, for good. */
  stop(): void {
    this.stopped = true;
    for (const wake of this.waiting) wake();
  }
}
