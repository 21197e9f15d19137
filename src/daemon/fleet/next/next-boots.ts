import type { Choice } from '../../../ipxe-templates/scripts/wanted.ts';
import type { BootWithSteps } from '../../../model/fleet/boot.ts';
import {
  type Decision,
  decideInstallation,
  decideOrder,
  type Installation,
  type Order,
} from '../../../model/fleet/next/next-boot.ts';
import type { Match } from '../../../model/settings/config.ts';
import type { Notes } from './notes.ts';

/** Options of {@link NextBoots}. */
export interface NextBootsOptions {
  readonly orders: Notes<Order>;
  readonly installations: Notes<Installation>;
  /** A boot by its id, with its steps. */
  readonly boot: (id: string) => Promise<BootWithSteps | undefined>;
}

/** Stands for the id of a boot that has not begun. */
const NEXT = 'next';

/** The name by which orders know a machine. */
export const machineOf = ({ node, mac }: Pick<Match, 'node' | 'mac'>): string => node?.name ?? mac;

/** Decides what machines boot by orders, and by what they are to boot once. */
export class NextBoots {
  private readonly options: NextBootsOptions;

  constructor(options: NextBootsOptions) {
    this.options = options;
  }

  /**
   * What a machine boots now.
   * @param current the id of its boot
   */
  async chosen(match: Match, current: string): Promise<Choice | undefined> {
    const { orders, installations } = this.options;
    const machine = machineOf(match);
    const order = await orders.get(machine);
    if (order) {
      const decision = decideOrder(order, current, await this.before(order.boot, current));
      await this.remember(orders, machine, order, decision);
      const how = order.repeat === 'once' ? 'once' : 'until it is cancelled';
      const { containers } = order;
      if (decision.boots !== undefined)
        return { image: decision.boots, why: `ordered by ${order.by}, ${how}`, containers };
    }
    const once = match.settings.once;
    if (!once) return undefined;
    const known = await installations.get(machine);
    const before = await this.before(known?.boot, current);
    const decision = decideInstallation({ machine, ...once.value }, known, current, before);
    await this.remember(installations, machine, known, decision);
    return decision.boots === undefined ? undefined : { image: decision.boots, why: once.from };
  }

  /** What a machine would boot at its next boot, without a trace. */
  async preview(match: Match, current: BootWithSteps): Promise<Choice | undefined> {
    const { orders, installations } = this.options;
    const machine = machineOf(match);
    const order = await orders.get(machine);
    const ordered = order && decideOrder(order, NEXT, order.boot === current.id ? current : undefined).boots;
    if (ordered !== undefined) return { image: ordered, why: 'ordered' };
    const once = match.settings.once;
    if (!once) return undefined;
    const known = await installations.get(machine);
    const before = known?.boot === current.id ? current : undefined;
    const { boots } = decideInstallation({ machine, ...once.value }, known, NEXT, before);
    return boots === undefined ? undefined : { image: boots, why: once.from };
  }

  private async before(boot: string | undefined, current: string): Promise<BootWithSteps | undefined> {
    if (boot === undefined || boot === current) return undefined;
    return await this.options.boot(boot).catch(() => undefined);
  }

  private async remember<T extends object>(
    notes: Notes<T>,
    machine: string,
    known: T | undefined,
    { next }: Decision<T>,
  ) {
    if (next !== known) await notes.note(machine, next);
  }
}
