import type { BootEvent } from '../event.ts';

/** An event of one of several daemons that keep boots together. */
export interface SharedEvent {
  /** The daemon that had it, and its number there: together they name it. */
  readonly origin: string;
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly event: BootEvent;
}

/** The events of all daemons that share a store, in one order. */
export interface EventFeed {
  /** Has something done each time the store was away and is back. */
  onBack(callBack: () => void): void;
  /** Adds events, all or none. They come back by {@link follow}. */
  append(events: readonly SharedEvent[]): Promise<void>;
  /**
   * Gives the events of all daemons from now on, in the order that all get.
   * @param onEvents gets them with the number of the last one in the store
   * @returns a function that ends it
   */
  follow(onEvents: (events: readonly SharedEvent[], last: number) => void): () => void;
}
