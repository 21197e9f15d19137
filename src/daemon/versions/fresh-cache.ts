import { singleFlight } from '../../artifacts/single-flight.ts';

/** For how long a value is used without another look at the files that it comes from, milliseconds. */
const FRESH = 500;

/** Values that are looked up twice a second at most, however many ask. */
export class FreshCache<T> {
  private readonly monotonic: () => number;
  private readonly entries = new Map<string, { readonly value: T; readonly at: number }>();
  private readonly looking = new Map<string, Promise<void>>();

  /** @param monotonic milliseconds of a clock that never goes back */
  constructor(monotonic: () => number) {
    this.monotonic = monotonic;
  }

  /** The value that was set last, however old. */
  last(key: string): T | undefined {
    return this.entries.get(key)?.value;
  }

  /**
   * The value if it is fresh and valid; otherwise that after a look, once for all who ask.
   * @param look sets the value; throws where there is none
   */
  async get(key: string, isValid: (value: T) => boolean, look: (key: string) => Promise<void>): Promise<T | undefined> {
    const entry = this.entries.get(key);
    if (entry && this.monotonic() - entry.at < FRESH && isValid(entry.value)) return entry.value;
    await singleFlight(this.looking, key, () => look(key));
    return this.last(key);
  }

  set(key: string, value: T): void {
    this.entries.set(key, { value, at: this.monotonic() });
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  /** Has each value looked up when it is next asked for. */
  expire(): void {
    for (const [key, { value }] of this.entries) this.entries.set(key, { value, at: Number.NEGATIVE_INFINITY });
  }
}
