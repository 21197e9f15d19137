import type { BudgetLimits } from '../model/limits/source-budget.ts';

/** Limits of the TFTP server. */
export interface TftpLimits {
  /**
   * Requests of one address that it has not answered from: the address may be forged, and the replies flood another
   * machine. A request of 27 octets leads to at most two copies of 516.
   */
  readonly unproven: BudgetLimits;
  /** The largest block granted. 1468 octets fill an Ethernet frame of 1500 without being fragmented. */
  readonly blksize: number;
  /** The largest window granted, in blocks. */
  readonly windowsize: number;
  /** Transfers at a time, with those that wait after their last ACK. */
  readonly transfers: number;
  /** Milliseconds without progress after which a client is given up. */
  readonly silence: number;
  /** Milliseconds that one transfer may take in all. */
  readonly total: number;
  /** Milliseconds that a transfer's port stays open after the last ACK. */
  readonly dally: number;
}

export const DEFAULT_LIMITS: TftpLimits = {
  unproven: { burst: 128, perSecond: 16 },
  blksize: 1468,
  windowsize: 64,
  transfers: 2048,
  silence: 30_000,
  total: 3_600_000,
  dally: 1000,
};

/** A transfer as {@link makeRoom} sees it. */
export interface Occupant {
  /** The client's address without its port. */
  readonly address: string;
  /** `over`: only waits for stray packets. `unanswered`: its client, if there is one, has acknowledged nothing yet. */
  readonly state: 'unanswered' | 'answered' | 'over' | 'closed';
}

/**
 * Decides which transfer gives way to a new one when there is no room left. Finished ones go first, then the oldest
 * whose client never answered (a flood of forged requests leaves only such), then one of the address that holds the
 * most, if that is more than the newcomer would hold.
 * @param occupants oldest first
 * @returns the one to end, or undefined where the newcomer has to wait
 */
export function makeRoom<T extends Occupant>(occupants: Iterable<T>, newcomer: string): T | undefined {
  const counts = new Map<string, number>();
  const latest = new Map<string, T>();
  let unanswered: T | undefined;
  for (const occupant of occupants) {
    if (occupant.state === 'over') return occupant;
    if (occupant.state === 'unanswered') unanswered ??= occupant;
    counts.set(occupant.address, (counts.get(occupant.address) ?? 0) + 1);
    latest.set(occupant.address, occupant);
  }
  if (unanswered) return unanswered;
  let [greediest, max] = [newcomer, (counts.get(newcomer) ?? 0) + 1];
  for (const [address, count] of counts) if (count > max) [greediest, max] = [address, count];
  return greediest === newcomer ? undefined : latest.get(greediest);
}
