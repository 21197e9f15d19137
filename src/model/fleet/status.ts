import type { Facts } from '../machine/facts.ts';
import type { Mac } from '../machine/mac.ts';
import type { Access } from './access.ts';
import type { Boot, BootStep, BootWithSteps } from './boot.ts';
import type { BootChange, NumberedOutput } from './boot-store.ts';
import type { ConfiguredImage, ConfiguredNode, ShownScript } from './next/configured.ts';
import type { Order } from './next/next-boot.ts';
import type { Rollout } from './next/rollout.ts';

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

/** How far the newest version of an image is. */
export interface RolloutStatus extends Omit<Rollout, 'next' | 'before'> {
  /** The newest version. */
  readonly version: string;
  readonly before: string | undefined;
}

/** What a machine runs, and what it would boot now. */
export interface NextStatus {
  readonly mac: Mac;
  readonly node: string | undefined;
  readonly running: { readonly image: string | undefined; readonly version: string | undefined };
  /** Absent where it would boot no image of this server. */
  readonly next?: { readonly image: string; readonly version: string | undefined } | undefined;
  readonly differs: boolean;
}

/** What became of an order. */
export type OrderOutcome = 'ordered' | 'no-machine' | 'no-image' | { readonly problem: string };

/** An order as it is given. */
export interface WantedOrder {
  /** An image's name, or `local`; where it is left out, an image whose root method is `containers`. */
  readonly image?: string | undefined;
  readonly repeat: Order['repeat'];
  /** A `containers:` section, not yet checked: what is to run there. */
  readonly containers?: unknown;
}

/** A node that is to be added to the configuration, by a person. */
export interface AdoptRequest {
  readonly mac: string;
  readonly name: string;
  readonly profile?: string | undefined;
  readonly image?: string | undefined;
  /** Whether only the change is shown. */
  readonly dry_run?: boolean | undefined;
}

/** The change of the configuration file, or the reason why there is none. */
export type AdoptOutcome = { readonly diff: string } | { readonly problem: string };

/** A machine that no node names. */
export interface Stranger {
  readonly mac: Mac;
  /** Milliseconds since 1970. */
  readonly last: number;
  /** What it has told of itself. */
  readonly facts: Facts;
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
  /** The number of the last change that there is so far; 0 before the first. */
  lastChange(): Promise<number>;
  /** The nodes of the configuration, in its order. */
  nodes(): Promise<readonly ConfiguredNode[]>;
  /** The images of the configuration, with what they are made of just now. */
  images(): Promise<readonly ConfiguredImage[]>;
  /**
   * The script of a machine's next boot, with what is known of the machine, for people to read: it has no tokens.
   * @param machine a node's name, or a MAC address in any spelling
   * @returns undefined for a machine whose address is not known
   */
  script(machine: string): Promise<ShownScript | undefined>;
  /** Where each setting of a machine comes from, as plain data; undefined as for {@link script}. */
  explain(machine: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** Whether the dashboard is served. */
  hasDashboard(): Promise<boolean>;
  /** How far the newest versions of images are, of those that are followed. */
  rollouts(): Promise<readonly RolloutStatus[]>;
  /**
   * Whether a machine's next boot differs from the one that it runs.
   * @param machine a node's name, a MAC address, or `self` for the machine with the IP address of the client
   */
  next(machine: string, client: string): Promise<NextStatus | undefined>;
  /** Orders that are in force. */
  orders(): Promise<readonly Order[]>;
  /**
   * Orders what a machine boots next, in place of an earlier order.
   * @param machine a node's name, or a MAC address in any spelling
   * @param by the name of the token
   */
  order(machine: string, wanted: WantedOrder, by: string): Promise<OrderOutcome>;
  /** Output of the pipeline of a boot after a number, 0 for all. */
  output(boot: string, after: number): Promise<readonly NumberedOutput[]>;
  /** Cancels the pipeline of a boot. @returns whether there is such a boot */
  cancelPipeline(boot: string): Promise<boolean>;
  /** Cancels the order for a machine. @returns whether there was one */
  cancel(machine: string): Promise<boolean>;
  /** Machines that no node names, those heard of last first. */
  strangers(): Promise<readonly Stranger[]>;
  /** Adds a node to the configuration file. */
  adopt(request: AdoptRequest): Promise<AdoptOutcome>;
  /** Whom a token of the API belongs to; undefined for one that is not known. */
  authorise(secret: string): Promise<Access | undefined>;
  /** Whether reading needs a token too. */
  readsAreOpen(): Promise<boolean>;
  /**
   * Takes the report of a machine.
   * @param token of its kernel line
   * @param client its IP address, by which its downloads are known: an initrd often gets another than iPXE
   */
  report(token: string, step: Omit<BootStep, 'at'>, client: string): Promise<ReportOutcome>;
}

/** The names of all calls. */
export const FLEET_CALLS = Object.keys({
  status: 1,
  boots: 1,
  boot: 1,
  bootsOf: 1,
  changes: 1,
  lastChange: 1,
  nodes: 1,
  images: 1,
  script: 1,
  explain: 1,
  hasDashboard: 1,
  rollouts: 1,
  next: 1,
  orders: 1,
  order: 1,
  output: 1,
  cancelPipeline: 1,
  cancel: 1,
  strangers: 1,
  adopt: 1,
  authorise: 1,
  readsAreOpen: 1,
  report: 1,
} satisfies Record<keyof Fleet, 1>) as readonly (keyof Fleet)[];
