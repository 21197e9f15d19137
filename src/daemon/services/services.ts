import { openSyscalls } from '../../model/sockets/syscalls.ts';
import type { DaemonOptions, ServingState } from '../serving/serving-state.ts';
import type { NetworkService, ServiceContext } from './service.ts';
import { ServiceSlot } from './service-slot.ts';

/** The time for running downloads to end after the server was told to stop, milliseconds. */
const GRACE_MS = 10_000;

/** The network services of the daemon. */
export interface Services {
  /** Where each listens, for people. */
  listening(): readonly string[];
  /** Where one of them listens, such as `192.0.2.10:8080`. */
  addressesOf(service: string): readonly string[];
  /** Starts anew each service whose part of the serving state has changed. */
  update(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the services that the serving state has switched on.
 * @param services in the order of starting
 * @throws Error with the remedy for a port that is not to be had; then none of them runs
 */
export async function startServices(
  services: readonly ((context: ServiceContext) => NetworkService)[],
  state: () => ServingState,
  options: DaemonOptions & Pick<ServiceContext, 'scripts' | 'fleet' | 'facts' | 'metrics'>,
): Promise<Services> {
  const { record } = options;
  const { syscalls, why } = await openSyscalls();
  if (why !== undefined) {
    const message = `files are sent through buffers, which takes more processor time: ${why}`;
    record({ event: 'http.no-sendfile', level: 'info', message });
  }
  const context = { ...options, state, syscalls };
  const slots = services.map((service) => ({ ...service(context), slot: new ServiceSlot(GRACE_MS) }));
  const update = async () => {
    for (const { name, plans, slot } of slots) {
      const before = slot.listening.join();
      await slot.put(plans(state()));
      if (slot.listening.join() === before) continue;
      const message = slot.listening.length > 0 ? `${name} listens on ${slot.listening.join(', ')}` : `${name} is off`;
      record({ event: 'listening', level: 'info', message, service: name });
    }
  };
  // All at once, so that the grace is that of the whole daemon: systemd waits for no second one.
  const stop = async () => {
    await Promise.all(slots.toReversed().map(({ slot }) => slot.stop()));
  };
  try {
    await update();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    listening: () => slots.flatMap(({ name, slot }) => slot.listening.map((each) => `${name} ${each}`)),
    addressesOf: (service) => slots.find(({ name }) => name === service)?.slot.listening ?? [],
    update,
    stop,
  };
}
