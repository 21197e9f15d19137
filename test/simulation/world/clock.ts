/** A thing that is to happen. Node's own timers look like this to those who use them. */
export interface Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
  unref(): Timer;
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Lets all promises and immediates that are due run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A clock that passes as fast as there is nothing left to do, and in the same way each time. */
export class Clock {
  /** Milliseconds. */
  now = 1_000_000;
  /** A binary heap, the next timer first. */
  private readonly heap: Timer[] = [];
  private made = 0;

  /** Calls a function later. @param ms milliseconds from now */
  after(ms: number, run: () => void): Timer {
    const timer: Timer = { at: this.now + Math.max(0, ms), order: this.made++, run, unref: () => timer };
    this.heap.push(timer);
    this.rise(this.heap.length - 1);
    return timer;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Runs until a time has come, or nothing is left to happen. */
  async run(until: number): Promise<void> {
    for (let next = this.heap[0]; next && next.at <= until; next = this.heap[0]) {
      this.dropFirst();
      if (!next.run) continue;
      this.now = next.at;
      next.run();
      await settle();
    }
    this.now = until;
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.heap.filter(({ run }) => run).length;
  }

  /** Has the timers of JavaScript go by this clock. @returns what puts the real ones back */
  install(): () => void {
    const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
    const cancel = (timer: Timer | undefined) => {
      if (timer) timer.run = undefined;
    };
    const begin = (run: () => void, ms = 0) => this.after(ms, run);
    Object.assign(globalThis, { setTimeout: begin, clearTimeout: cancel });
    return () => void Object.assign(globalThis, real);
  }

  private rise(from: number): void {
    for (let index = from; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!this.swapIf(index, parent)) return;
      index = parent;
    }
  }

  private dropFirst(): void {
    const last = this.heap.pop();
    if (!last || this.heap.length === 0) return;
    this.heap[0] = last;
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      const child = this.comesFirst(right, left) ? right : left;
      if (!this.swapIf(child, index)) return;
      index = child;
    }
  }

  private comesFirst(a: number, b: number): boolean {
    const [first, second] = [this.heap[a], this.heap[b]];
    return first !== undefined && second !== undefined && isBefore(first, second);
  }

  /** Swaps two entries if the first comes earlier. */
  private swapIf(a: number, b: number): boolean {
    const [first, second] = [this.heap[a], this.heap[b]];
    if (!first || !second || !isBefore(first, second)) return false;
    this.heap[a] = second;
    this.heap[b] = first;
    return true;
  }
}

/** What arrives, in the order in which it does, for one reader. */
export class Mailbox<T> {
  private readonly clock: Clock;
  private items: T[] = [];
  private wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  put(item: T): void {
    // A machine that does not read has no room for more.
    if (this.items.length < 64) this.items.push(item);
    this.wake?.();
  }

  /** The next item; undefined where there is none within this time, milliseconds. */
  async next(ms: number): Promise<T | undefined> {
    if (this.items.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = this.clock.after(ms, resolve);
        this.wake = () => {
          timer.run = undefined;
          resolve();
        };
      });
      this.wake = undefined;
    }
    return this.items.shift();
  }

  clear(): void {
    this.items = [];
  }
}
