import type { BootEvent, Level, RecordEvent } from '../event.ts';

/** Recorded events of one name per second, by level. Thousands of nodes that boot at once stay below. */
const PER_SECOND: Readonly<Record<Level, number>> = { debug: 50, info: 500, warn: 50, error: 50 };
/** Others by name: each node that boots asks for leases, and its address is known by nothing else for a while. */
const BY_NAME: Readonly<Record<string, number>> = { 'dhcp.lease': 500 };

/**
 * Keeps a flood of packets from becoming a flood of events. Events beyond the limit are counted and no more, and the next
 * recorded event of the same name and level has their number (`suppressed`). A flood of one kind hides no other.
 * @param now milliseconds of a clock that never goes back
 */
export function rateLimitedLog(record: RecordEvent, now: () => number): RecordEvent {
  // Bounded: the services have a fixed set of names.
  const kinds = new Map<string, { start: number; used: number; suppressed: number }>();
  return (event: BootEvent) => {
    const name = `${event.event} ${event.level}`;
    const kind = kinds.get(name) ?? { start: Number.NEGATIVE_INFINITY, used: 0, suppressed: 0 };
    kinds.set(name, kind);
    const at = now();
    if (at - kind.start >= 1000) Object.assign(kind, { start: at, used: 0 });
    if (kind.used >= (BY_NAME[event.event] ?? PER_SECOND[event.level])) {
      kind.suppressed++;
      record.count?.(event);
      return;
    }
    kind.used++;
    record(kind.suppressed > 0 ? { ...event, suppressed: kind.suppressed } : event);
    kind.suppressed = 0;
  };
}
