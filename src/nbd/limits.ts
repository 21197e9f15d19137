import type { BudgetLimits } from '../model/limits/source-budget.ts';

/** What clients may take. */
export interface NbdLimits {
  /** Exports that one address may have opened, by whatever option: each is a look at files. */
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
  /** How long a client may take none of the bytes that it asked for, milliseconds. */
  readonly stallMs: number;
  /** Read from the file and handed to the network at a time, bytes: what a client that stalls keeps in memory. */
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
