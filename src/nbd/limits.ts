import type { BudgetLimits } from '../model/limits/source-budget.ts';

/** Limits of the NBD server. */
export interface NbdLimits {
  /** Exports that one address may open, by whatever option: each opens files. */
  readonly opening: BudgetLimits;
  /** Connections at the same time. */
  readonly connections: number;
  /** Of these, connections from one address: one machine cannot keep the others out. */
  readonly perAddress: number;
  /** Options of one negotiation. */
  readonly options: number;
  /** Data of one option, bytes: the longest name and some. */
  readonly optionLength: number;
  /** How long a negotiation may take, milliseconds. */
  readonly negotiationMs: number;
  /** How long a client may take none of the bytes that it requested, milliseconds. */
  readonly stallMs: number;
  /** Bytes read from the file and sent at a time: a client that stalls keeps so many in memory. */
  readonly chunk: number;
}

export const DEFAULT_LIMITS: NbdLimits = {
  opening: { burst: 64, perSecond: 16 },
  connections: 4096,
  perAddress: 16,
  options: 32,
  optionLength: 8192,
  negotiationMs: 15_000,
  stallMs: 180_000,
  chunk: 128 * 1024,
};
