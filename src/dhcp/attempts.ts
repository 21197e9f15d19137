import { dropOldest } from '../model/limits/drop-oldest.ts';
import type { Mac } from '../model/machine/mac.ts';

interface Entry {
  readonly xid: number;
  readonly attempt: number;
  /** Milliseconds, of the clock that the calls pass. */
  readonly at: number;
}

/** Machines that are remembered, some 100 octets each. */
const CAPACITY = 4096;
/** A machine that asks after this time begins with attempt 1 again, milliseconds. */
const FORGET_AFTER = 10 * 60_000;

/**
 * Counts the attempts of machines to boot. A machine has succeeded when it asks the boot server, or asks as iPXE. Holds
 * a bounded number of machines and forgets the one that was silent longest.
 */
export class Attempts {
  private readonly entries = new Map<Mac, Entry>();

  /**
   * Notes a DISCOVER. Repeats of one transaction are one attempt.
   * @returns the number of this attempt, from 1
   */
  begin(mac: Mac, xid: number, now: number): number {
    const before = this.entries.get(mac);
    const known = before && now - before.at < FORGET_AFTER ? before : undefined;
    const attempt = known ? known.attempt + (known.xid === xid ? 0 : 1) : 1;
    this.entries.delete(mac);
    this.entries.set(mac, { xid, attempt, at: now });
    dropOldest(this.entries, CAPACITY);
    return attempt;
  }

  /** The machine has succeeded. */
  succeed(mac: Mac): void {
    this.entries.delete(mac);
  }

  /** Machines that are remembered. */
  get size(): number {
    return this.entries.size;
  }
}
