import type { BootEvent, RecordEvent } from '../model/event.ts';
import { Budget } from './budget.ts';

/** Takes note of what happens, within bounds: a flood of packets is no flood of events. */
export class Journal {
  private readonly record: RecordEvent;
  private readonly budgets: Readonly<Record<BootEvent['level'], Budget>> = {
    debug: new Budget(50),
    info: new Budget(500),
    warn: new Budget(5),
    error: new Budget(5),
  };
  private readonly missing = new Set<string>();

  constructor(record: RecordEvent) {
    this.record = record;
  }

  note(event: BootEvent, now: number): void {
    const suppressed = this.budgets[event.level].take(now);
    if (suppressed !== undefined) this.record(suppressed > 0 ? { ...event, suppressed } : event);
  }

  /** Warns of a boot file that a machine would need, once. */
  noteMissing(file: string): void {
    if (this.missing.has(file)) return;
    this.missing.add(file);
    this.record({
      event: 'dhcp.no-boot-file',
      level: 'warn',
      message: `a machine needs ${file}, which is not there: install iPXE's package for it, or put it into server.ipxe`,
      file,
    });
  }
}
