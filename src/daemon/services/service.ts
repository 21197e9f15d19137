import type { Scripts } from '../../ipxe-templates/scripts/wanted.ts';
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
  /** All metrics, in the format of Prometheus; undefined where they are not served. */
  readonly metrics: () => Promise<string | undefined>;
  /** What machines have told of themselves. */
  readonly facts: KnownFacts;
  /** System calls that Node lacks; undefined where they cannot be made. */
  readonly syscalls: Syscalls | undefined;
}

/** A network service of the daemon. */
export interface NetworkService {
  /** For people: `tftp`. */
  readonly name: string;
  /** How it runs by a state, one plan for each address; none where it is off. */
  plans(current: ServingState): readonly Plan[];
}

/** All addresses of this machine. */
export const ANY = '0.0.0.0';

/** The addresses on which HTTP, TFTP and NBD listen. */
export const listenAddresses = ({ config, servers }: ServingState): readonly string[] =>
  config.server.listen === 'any' ? [ANY] : servers.map(({ address }) => address);
