import type { Mac } from '../machine/mac.ts';

/** The stages of a boot, in the order in which a machine comes to them. Not every machine comes to all. */
export const STAGES = [
  /** A request on port 67. */
  'dhcp',
  /** A request on port 4011 (PXE 2.1 section 2.2.3). */
  'boot-server',
  /** The boot program, iPXE, by TFTP or by UEFI HTTP boot. */
  'boot-file',
  /** The machine's iPXE script. */
  'script',
  /** iPXE fetches the kernel, and then initrds. */
  'kernel',
  'initrd',
  /** The initrd has reported: its network is up. */
  'network',
  /** The root is fetched. */
  'root',
  /** The initrd checks the root's digest, unpacks it, and starts the system. */
  'verify',
  'unpack',
  'switch-root',
  /** The system has fetched its configuration. */
  'configuration',
  /** The system is up. */
  'up',
  /** The machine runs containers, by root method `containers`. */
  'pipeline',
] as const;

export type Stage = (typeof STAGES)[number];

/** The place of a stage among {@link STAGES}, from 0. */
export const rank = (stage: Stage): number => STAGES.indexOf(stage);

/** What happened: `ignored` is a request that got no answer on purpose. */
export type Happening = 'begun' | 'progress' | 'done' | 'failed' | 'ignored';

/** One step of a boot. */
export interface BootStep {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly stage: Stage;
  readonly happening: Happening;
  /** One sentence for people. May contain text from the network: code that prints it must escape it. */
  readonly message: string;
  /** A reason as a stable word, such as that of an ignored DHCP request. */
  readonly reason?: string | undefined;
  /** Bytes that arrived, and those that there are. */
  readonly bytes?: number | undefined;
  readonly length?: number | undefined;
  readonly seconds?: number | undefined;
  /** Seconds since the machine's kernel started, by its own clock, when it sent the report. */
  readonly uptime?: number | undefined;
  /** The last lines of a failed initrd's log. */
  readonly log?: string | undefined;
  /** Of a pipeline: the step's name, absent for the pipeline as a whole, and its exit status. */
  readonly step?: string | undefined;
  readonly status?: number | undefined;
}

/** The end of a boot; `unfinished` where another boot of the machine began before this one was up. */
export type Outcome = 'under-way' | 'up' | 'failed' | 'unfinished';

/** One boot of a machine, from its first request until its system is up. */
export interface Boot {
  /** 16 lower-case hex digits. */
  readonly id: string;
  readonly mac: Mac;
  /** The node's name; undefined for a machine that no node names. */
  readonly node: string | undefined;
  /** The image's name, from the script on. */
  readonly image: string | undefined;
  /** The version of the image: the digest of its root, 64 hex digits. */
  readonly version: string | undefined;
  /** Milliseconds since 1970. */
  readonly began: number;
  /** Of its last step. */
  readonly last: number;
  readonly stage: Stage;
  readonly outcome: Outcome;
  /** Boots that this machine began one soon after the other before this one; undefined for none. */
  readonly restarts?: number | undefined;
  /** What was stuck in the boot before this one, as its diagnosis said, where there were {@link restarts}. */
  readonly before?: string | undefined;
}

/** A boot with all of its steps, the oldest first. */
export interface BootWithSteps extends Boot {
  readonly steps: readonly BootStep[];
}
