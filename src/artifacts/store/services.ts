import type { RecordEvent } from '../../model/event.ts';
import type { Hasher } from './hash.ts';

/** The clocks, the log and the hasher of the store. */
export interface StoreServices {
  readonly record: RecordEvent;
  /** Milliseconds since 1970, on the clock that stamps files. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  readonly hash: Hasher;
}
