import type { Choice } from '../../../ipxe-templates/scripts/wanted.ts';
import type { Image } from '../../../model/boot/image.ts';
import type { Boot, BootWithSteps } from '../../../model/fleet/boot.ts';
import { LOCAL, type Order } from '../../../model/fleet/next/next-boot.ts';
import type { ImageVersion } from '../../../model/fleet/next/rollout.ts';
import type { Fleet } from '../../../model/fleet/status.ts';
import { type Mac, parseMac } from '../../../model/machine/mac.ts';
import type { Match } from '../../../model/settings/config.ts';
import type { FleetOptions } from '../fleet-options.ts';
import { machineOf, NextBoots } from './next-boots.ts';
import { Notes } from './notes.ts';
import { type Pipelines, pipelinesOf } from './pipelines.ts';
import { readOrder } from './read-order.ts';
import { Rollouts } from './rollouts.ts';
import { totals } from './totals.ts';

/** Pieces of output that are given at a time. */
const PIECES = 50;
/** Options of {@link nextOf}. */
interface NextOptions extends Pick<FleetOptions, 'tracker' | 'store' | 'config' | 'scripts' | 'record' | 'now'> {
  /** A boot by its id. */
  readonly boot: (id: string) => Promise<BootWithSteps | undefined>;
  /** A boot with its outcome, where that is known by now. */
  readonly settled: <T extends Boot>(boot: T) => T;
  /** The addresses of a machine that is named. */
  readonly macsOf: (machine: string) => readonly Mac[];
}

/** What machines boot next. */
export interface NextOfMachines
  extends Pick<Fleet, 'orders' | 'order' | 'cancel' | 'rollouts' | 'next' | 'script' | 'output' | 'cancelPipeline'> {
  readonly pipelines: Pipelines;
  /** What a machine boots in place of its settings; undefined for these. */
  chosen(match: Match): Promise<Choice | undefined>;
  /** The version of its image that a machine gets. */
  version(match: Match, image: Image, newest: ImageVersion): Promise<ImageVersion>;
  /** The digests of files that machines may get though newer ones are there, 64 hex digits each. */
  keptDigests(): Promise<readonly string[]>;
}

/** Decides what machines boot next, by orders, installations and rollouts. */
export function nextOf(options: NextOptions): NextOfMachines {
  const { tracker, store, config, boot, settled, macsOf, now } = options;
  const orders = new Notes<Order>('order', store);
  const nextBoots = new NextBoots({ orders, installations: new Notes('installation', store), boot });
  const rollouts = new Rollouts({
    rollouts: new Notes('rollout', store),
    machines: new Notes('rollout-machine', store),
    boot: async (id) => {
      const found = await boot(id);
      return found && settled(found);
    },
    total: (image) => totals(config()).get(image) ?? 0,
    record: options.record,
    now,
  });
  const pipelines = pipelinesOf(store, orders, new Notes('cancelled', store), now);
  /** The name by which orders know a machine; undefined for one that there is not. */
  const orderName = (machine: string): string | undefined => {
    const mac = parseMac(machine);
    if (mac) return config().byMac.get(mac)?.name ?? mac;
    return config().nodes.find(({ name }) => name === machine)?.name;
  };

  /** The last boot by any of a machine's cards. */
  const latestOf = (macs: readonly Mac[]) =>
    macs.flatMap((mac) => tracker.boot(mac) ?? []).sort((a, b) => b.began - a.began)[0];
  /** How what comes next is only looked at: no order is taken by it. */
  const previewOf = (running: BootWithSteps | undefined) => ({
    ...(running && { choose: (match: Match) => nextBoots.preview(match, running) }),
    version: (match: Match, image: Image, newest: ImageVersion) =>
      rollouts.version(image, machineOf(match), undefined, newest),
  });

  return {
    pipelines,
    chosen: async (match) => {
      const current = tracker.boot(match.mac);
      return current && (await nextBoots.chosen(match, current.id));
    },
    version: (match, image, newest) => rollouts.version(image, machineOf(match), tracker.boot(match.mac)?.id, newest),
    keptDigests: () => rollouts.digests(),
    rollouts: async () => {
      const all = await rollouts.all();
      return all.map(({ next, before, ...rest }) => ({ ...rest, version: next.id, before: before?.id }));
    },
    script: async (machine) => {
      const macs = macsOf(machine);
      const running = latestOf(macs);
      const mac = running?.mac ?? macs[0];
      if (mac === undefined) return undefined;
      const shown = await options.scripts.show(mac, previewOf(running));
      return { mac, text: undefined, why: undefined, ...shown };
    },
    next: async (machine, client) => {
      const self = tracker.machineAt(client);
      const running = latestOf(machine !== 'self' ? macsOf(machine) : self ? [self] : []);
      if (!running) return undefined;
      const next = await options.scripts.preview(running.mac, previewOf(running));
      const { mac, node, image, version } = running;
      const differs = next?.image !== image || next?.version !== version;
      return { mac, node, running: { image, version }, ...(next && { next }), differs };
    },
    orders: async () => [...(await orders.all()).values()].map(shown),
    order: async (machine, wanted, by) => {
      const name = orderName(machine);
      if (name === undefined) return 'no-machine';
      const ordered = readOrder(wanted, name, config());
      if ('problem' in ordered) return ordered;
      const { image, containers } = ordered;
      if (image !== LOCAL && !config().images.includes(image)) return 'no-image';
      await orders.put(name, { machine: name, image, repeat: wanted.repeat, at: now(), by, containers });
      return 'ordered';
    },
    output: async (id, after) => (await pipelines.outputs?.after(id, after, PIECES)) ?? [],
    cancelPipeline: async (id) => {
      if (!(await boot(id))) return false;
      await pipelines.cancel(id);
      return true;
    },
    cancel: async (machine) => {
      const name = orderName(machine) ?? machine;
      if (!(await orders.get(name))) return false;
      await orders.put(name, undefined);
      return true;
    },
  };
}

/** An order for everybody to see: its environment may have secrets. */
function shown({ containers, ...order }: Order): Order {
  if (!containers) return order;
  const steps = (containers.steps ?? []).map(({ name, image }) => ({ name, image }));
  return { ...order, containers: { steps } };
}
