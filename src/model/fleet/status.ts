import type { Boot, BootStep, BootWithSteps } from './boot.ts';
import type { BootChange } from './boot-store.ts';

/** The likely reason why a boot does not go on. */
export interface Diagnosis {
  /** The rule's name, as in docs/diagnosis.md. */
  readonly rule: string;
  /** One sentence. */
  readonly message: string;
  readonly remedy: string;
}

/** The last boot of a machine, as it stands now. */
export interface MachineStatus extends Boot {
  /** Of the last step, for people. */
  readonly message: string;
  /** Of the download that is under way: bytes that arrived and those that there are, and bytes a second. */
  readonly bytes?: number | undefined;
  readonly length?: number | undefined;
  readonly rate?: number | undefined;
  readonly diagnosis?: Diagnosis | undefined;
}

/** A boot with its steps and its diagnosis. */
export interface ExplainedBoot extends BootWithSteps {
  readonly diagnosis?: Diagnosis | undefined;
}

/** A change with its number; numbers rise by one, and begin anew with the daemon. */
export interface NumberedChange extends BootChange {
  readonly number: number;
}

/** What became of a machine's report. */
export type ReportOutcome = 'accepted' | 'unknown' | 'too-many';

/** Changes, and the number of the last one that there is so far. */
export interface News {
  readonly last: number;
  readonly changes: readonly NumberedChange[];
}

/** What can be asked about the machines. All reject while the store is away and the answer needs it. */
export interface Fleet {
  /** The last boot of each machine, in the order of the nodes' names, then of addresses. */
  status(): Promise<readonly MachineStatus[]>;
  /**
   * Boots of a machine, the newest first.
   * @param machine a node's name, or a MAC address in any spelling
   */
  boots(machine: string, limit: number): Promise<readonly Boot[]>;
  boot(id: string): Promise<ExplainedBoot | undefined>;
  /** Boots with this image that came up, the newest first. */
  bootsOf(image: string, limit: number): Promise<readonly BootWithSteps[]>;
  /**
   * Changes after a number, the oldest first: those that are remembered, or else, after a while, none. Undefined where
   * the daemon is stopping.
   * @param after the number of the last change that is known; undefined for those from now on
   */
  changes(after: number | undefined): Promise<News | undefined>;
  /**
   * Takes the report of a machine.
   * @param token of its kernel line
   * @param client its IP address, by which its downloads are known: an initrd often gets another than iPXE
   */
  report(token: string, step: Omit<BootStep, 'at'>, client: string): Promise<ReportOutcome>;
}
