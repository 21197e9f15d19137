import type { BootEvent, Level, RecordEvent } from '../event.ts';

/** Recorded events per second, by level. Thousands of nodes that boot at once stay below. */
const PER_SECOND: Readonly<Record<Level, number>> = { debug: 50, info: 500, warn: 50, error: 50 };

/**
 * Keeps a flood of packets from becoming a flood of events. Events beyond the limit are counted and no more, and the
 * next recorded event has their number (`suppressed`).
 * @param now milliseconds of a clock that never goes back
 */
export function rateLimitedLog(record: RecordEvent, now: () => number): RecordEvent {
  const levels = new Map<Level, { start: number; used: number; suppressed: number }>();
  return (event: BootEvent) => {
    const level = levels.get(event.level) ?? { start: Number.NEGATIVE_INFINITY, used: 0, suppressed: 0 };
    levels.set(event.level, level);
    const at = now();
    if (at - level.start >= 1000) Object.assign(level, { start: at, used: 0 });
    if (level.used >= PER_SECOND[event.level]) {
      level.suppressed++;
      record.count?.(event);
      return;
    }
    level.used++;
    record(level.suppressed > 0 ? { ...event, suppressed: level.suppressed } : event);
    level.suppressed = 0;
  };
}
