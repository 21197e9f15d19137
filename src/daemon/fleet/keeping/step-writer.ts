import type { BootChange, BootStore } from '../../../model/fleet/boot-store.ts';

/** How long steps are collected before they are written together, milliseconds. */
const WRITE_AFTER = 100;
/** The pause after which a lot is written again that could not be, milliseconds, and how often. */
const AGAIN_AFTER = 1000;
const ATTEMPTS = 600;
/** Steps that are written together at most, so that handing them over takes a few milliseconds. */
const LOT = 500;
/** Steps that wait for the store; more are lost to it, and boots go on. */
const WAITING = 20_000;

/** Writes the steps of boots in lots. A store that is away says so itself; the steps wait for it. */
export class StepWriter {
  private readonly store: BootStore;
  private readonly waiting: BootChange[] = [];
  private failures = 0;
  private stopped = false;
  private writing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(store: BootStore) {
    this.store = store;
  }

  add(changes: readonly BootChange[]): void {
    if (this.waiting.length >= WAITING) return;
    this.waiting.push(...changes);
    this.timer ??= setTimeout(() => this.write(), WRITE_AFTER);
  }

  /** Writes all that waits. */
  write(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    // Where nothing waits it ends at once, before this is set: so it is cleared by what comes after it.
    this.writing ??= this.writeAll().finally(() => {
      this.writing = undefined;
    });
    return this.writing;
  }

  /** The same, unless the store is away: it is tried again at its own pace. */
  async writeNow(): Promise<void> {
    if (this.failures === 0) await this.write();
  }

  private async writeAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const lot = this.waiting.slice(0, LOT);
      const isKept = await this.store.add(lot).then(
        () => true,
        () => false,
      );
      this.failures = isKept ? 0 : this.failures + 1;
      if (isKept || this.failures >= ATTEMPTS) this.waiting.splice(0, lot.length);
      else break;
    }
    if (this.waiting.length > 0 && !this.stopped) this.timer ??= setTimeout(() => this.write(), AGAIN_AFTER);
  }

  /** Writes what is left, once. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.write();
  }
}
