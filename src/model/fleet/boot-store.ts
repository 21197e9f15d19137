import type { Mac } from '../machine/mac.ts';
import type { Boot, BootStep, BootWithSteps } from './boot.ts';
import type { EventFeed } from './shared-events.ts';

/** A step of a boot, and the boot as it is after it. */
export interface BootChange {
  readonly boot: Boot;
  readonly step: BootStep;
}

/** Kinds of things that are remembered beside boots, each by a key. */
export type NoteKind =
  | 'order'
  | 'installation'
  | 'rollout'
  | 'rollout-machine'
  | 'secret'
  | 'cancelled'
  | 'webhook-event';

/** Output of a step of a pipeline. */
export interface Output {
  readonly boot: string;
  readonly step: string;
  /** The place of its first byte in the output of this step, from 0. */
  readonly start: number;
  /** Its bytes, in base64. */
  readonly data: string;
}

/** The same with its number; numbers rise in the order in which output came. */
export interface NumberedOutput extends Output {
  readonly number: number;
}

/** The last boot of a machine, with the last of its steps where the store gives that. */
export interface LatestBoot extends Boot {
  readonly step?: BootStep | undefined;
}

/** The memory of boots that outlives the daemon. All calls reject while it is away. */
export interface BootStore {
  /** Adds steps, all or none. Resolves when they will outlive the death of this process. */
  add(changes: readonly BootChange[]): Promise<void>;
  /** The last boot of each machine. */
  latest(): Promise<readonly LatestBoot[]>;
  /** Boots of one machine, the newest first. */
  boots(mac: Mac, limit: number): Promise<readonly Boot[]>;
  /** One boot by its id. */
  boot(id: string): Promise<BootWithSteps | undefined>;
  /** Boots by their ids, in no order; those that are not there are left out. */
  byIds(ids: readonly string[]): Promise<readonly BootWithSteps[]>;
  /** Boots with an image that came up, the newest first. */
  bootsOf(image: string, limit: number): Promise<readonly BootWithSteps[]>;
  /** What is remembered of one kind, by key. */
  notes(kind: NoteKind): Promise<readonly (readonly [key: string, value: unknown])[]>;
  /** What is remembered by one key; undefined where nothing is. */
  note(kind: NoteKind, key: string): Promise<unknown>;
  /** Remembers something in place of what the key had; forgets it where there is no value. */
  putNote(kind: NoteKind, key: string, value: object | undefined): Promise<void>;
  /** Remembers something unless the key has a value. @returns the value that it has */
  addNote(kind: NoteKind, key: string, value: object): Promise<object>;
  /** Keeps output of a boot. @param at milliseconds since 1970 */
  addOutput(output: Output, at: number): Promise<void>;
  /** Output of a boot after a number (0 for all), in the order in which it came. */
  output(boot: string, after: number, limit: number): Promise<readonly NumberedOutput[]>;
  /** Where the output of each step of a boot ends so far, bytes. */
  outputEnds(boot: string): Promise<readonly (readonly [step: string, end: number])[]>;
  /** Removes output that came before a time (milliseconds since 1970). */
  pruneOutput(before: number): Promise<void>;
  /**
   * Removes boots that ended before a time (milliseconds since 1970), and all but the newest of each machine; with them
   * what is remembered of their cancelled pipelines.
   */
  prune(before: number, keep: number): Promise<void>;
  /** Of a store that several daemons share: the events of all. */
  readonly feed?: EventFeed | undefined;
  close(): Promise<void>;
}
