/** How much an event matters. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

/**
 * An event for the log. `message` is one sentence for people; the other members are data. Both may contain text from
 * the network, so code that prints them must escape it.
 */
export interface BootEvent {
  /** A stable name: `dhcp.offer`, `tftp.done`, `ready`. */
  readonly event: string;
  readonly level: Level;
  readonly message: string;
  readonly [detail: string]: string | number | boolean | undefined;
}

/** Records an event; never throws, never waits. */
export interface RecordEvent {
  (event: BootEvent): void;
  /** Counts an event that is not recorded, because too many come at once. */
  readonly count?: (event: BootEvent) => void;
}
