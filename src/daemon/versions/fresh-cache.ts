import { singleFlight } from '../../artifacts/single-flight.ts';

/** For how long a value is used without another look at the files that it comes from, milliseconds. */
const FRESH = 500;

/** Values that are looked up twice a second at most, however many ask. */
export interface FreshCache<T> {
  /** The value that was set last, however old. */
  last(key: string): T | undefined;
  /**
   * The value if it is fresh and valid; otherwise that after a look, once for all who ask.
   * @param look sets the value; throws where there is none
   */
  get(key: string, isValid: (value: T) => boolean, look: (key: string) => Promise<void>): Promise<T | undefined>;
  set(key: string, value: T): void;
  delete(key: string): void;
  /** Has each value looked up when it is next asked for. */
  expire(): void;
}

/** @param monotonic milliseconds of a clock that never goes back */
export function freshCache<T>(monotonic: () => number): FreshCache<T> {
  const entries = new Map<string, { readonly value: T; at: number }>();
  const looking = new Map<string, Promise<void>>();
  const last = (key: string) => entries.get(key)?.value;
  return {
    last,
    get: async (key, isValid, look) => {
      const entry = entries.get(key);
      if (entry && monotonic() - entry.at < FRESH && isValid(entry.value)) return entry.value;
      await singleFlight(looking, key, () => look(key));
      return last(key);
    },
    set: (key, value) => entries.set(key, { value, at: monotonic() }),
    delete: (key) => entries.delete(key),
    expire: () => {
      for (const entry of entries.values()) entry.at = Number.NEGATIVE_INFINITY;
    },
  };
}
