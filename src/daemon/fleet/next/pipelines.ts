import type { ContainersSection } from '../../../model/containers/section.ts';
import type { BootStore } from '../../../model/fleet/boot-store.ts';
import type { Order } from '../../../model/fleet/next/next-boot.ts';
import type { Match } from '../../../model/settings/config.ts';
import { Outputs } from '../../containers/outputs.ts';
import { machineOf } from './next-boots.ts';
import type { Notes } from './notes.ts';

/** What is to run on a machine by order, without a restart. */
interface OrderedPipeline {
  readonly containers: ContainersSection;
  /** Has it count no more: the machine has it. */
  done(): Promise<void>;
}

/** Pipelines that machines run. */
export interface Pipelines {
  /** Their output; undefined where nothing is kept. */
  readonly outputs: Outputs | undefined;
  /** Whether the pipeline of a boot was cancelled. */
  isCancelled(boot: string): Promise<boolean>;
  cancel(boot: string): Promise<void>;
  /** Has it count as cancelled no more: that pipeline is over, and the machine may run another in the same boot. */
  forgetCancel(boot: string): Promise<void>;
  /** What a machine that waits is to run. */
  orderedFor(match: Match, boot: string): Promise<OrderedPipeline | undefined>;
}

/** @param now milliseconds since 1970 */
export function pipelinesOf(
  store: BootStore | undefined,
  orders: Notes<Order>,
  cancelled: Notes<object>,
  now: () => number,
): Pipelines {
  return {
    outputs: store && new Outputs(store, now),
    isCancelled: async (boot) => (await cancelled.get(boot)) !== undefined,
    cancel: (boot) => cancelled.put(boot, { at: now() }),
    forgetCancel: async (boot) => {
      if (await cancelled.get(boot)) await cancelled.note(boot, undefined);
    },
    orderedFor: async (match, boot) => {
      const machine = machineOf(match);
      const order = await orders.get(machine);
      if (!order?.containers) return undefined;
      if (order.boot !== boot) await orders.note(machine, { ...order, boot });
      return { containers: order.containers, done: () => orders.note(machine, undefined) };
    },
  };
}
