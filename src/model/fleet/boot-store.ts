import type { Mac } from '../mac.ts';
import type { Boot, BootStep, BootWithSteps } from './boot.ts';

/** A step of a boot, and the boot as it is after it. */
export interface BootChange {
  readonly boot: Boot;
  readonly step: BootStep;
}

/** A machine that was seen. */
export interface SeenMachine {
  readonly mac: Mac;
  /** Milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
  /** Its IPv4 address when it last used one. */
  readonly address: string | undefined;
  /** What it told of itself, such as `manufacturer` or `uuid`. */
  readonly facts: Readonly<Record<string, string>>;
}

/** The memory of the daemon: boots, and machines that were seen. All calls reject while the store is away. */
export interface BootStore {
  /** Adds steps, all or none. Resolves when they will outlive the death of this process. */
  add(changes: readonly BootChange[]): Promise<void>;
  /** Notes machines, by their addresses. */
  see(machines: readonly SeenMachine[]): Promise<void>;
  /** The last boot of each machine. */
  latest(): Promise<readonly Boot[]>;
  /** Boots of one machine, the newest first. */
  boots(mac: Mac, limit: number): Promise<readonly Boot[]>;
  /** One boot by its id. */
  boot(id: string): Promise<BootWithSteps | undefined>;
  /** Boots that came up with an image, the newest first. */
  bootsOf(image: string, limit: number): Promise<readonly BootWithSteps[]>;
  machines(): Promise<readonly SeenMachine[]>;
  /** Removes boots that are older than a time (milliseconds since 1970), and all but the newest of each machine. */
  prune(before: number, keep: number): Promise<void>;
  close(): Promise<void>;
}
