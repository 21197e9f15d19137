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
