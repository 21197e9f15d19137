/** How much an event matters. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

/**
 * Something that happened, for the log and all that hangs off it. `message` is one sentence for people; the other
 * members are data. Either may hold what the network sent: whoever prints them escapes them.
 */
export interface BootEvent {
  /** A stable name: `dhcp.offer`, `tftp.done`, `ready`. */
  readonly event: string;
  readonly level: Level;
  readonly message: string;
  readonly [detail: string]: string | number | boolean | undefined;
}

/** Takes note of an event; never throws, never waits. */
export type RecordEvent = (event: BootEvent) => void;
