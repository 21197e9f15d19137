import type { Scripts } from '../../ipxe-templates/scripts.ts';
import type { KnownFacts } from '../../model/machine/known-facts.ts';
import type { Syscalls } from '../../model/sockets/syscalls.ts';
import type { FleetMemory } from '../fleet/fleet.ts';
import type { DaemonOptions, ServingState } from '../serving/serving-state.ts';
import type { Plan } from './service-slot.ts';

/** The surroundings of a service. */
export interface ServiceContext extends DaemonOptions {
  /** The state to answer from, read for each request. */
  readonly state: () => ServingState;
  readonly scripts: Scripts;
  readonly fleet: FleetMemory;
  /** What machines have told of themselves. */
  readonly facts: KnownFacts;
  /** System calls that Node lacks; undefined where they cannot be made. */
  readonly syscalls: Syscalls | undefined;
}

/** A network service of the daemon. */
export interface NetworkService {
  /** For people: `tftp`. */
  readonly name: string;
  /** How it runs by a state; undefined where it is off. */
  plan(current: ServingState): Plan | undefined;
}

/** The address on which HTTP, TFTP and NBD listen. */
export const listenAddress = ({ config, server }: ServingState): string =>
  config.server.listen === 'any' ? '0.0.0.0' : server.address;
