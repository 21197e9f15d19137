import type { ContainersSection } from '../../containers/section.ts';
import { type BootWithSteps, rank } from '../boot.ts';

/** The word for the machine's own disk, where an image's name may stand. */
export const LOCAL = 'local';

/** What a machine is to boot in place of its settings, by order of a person or a program. */
export interface Order {
  /** The node's name; of a machine without one, its MAC address. */
  readonly machine: string;
  /** An image's name, or {@link LOCAL}. */
  readonly image: string;
  /** For its next boot only, or until it is cancelled. */
  readonly repeat: 'once' | 'hold';
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The name of the token by which it was given. */
  readonly by: string;
  /** The last boot that got it. */
  readonly boot?: string | undefined;
  /** What is to run there, for an image whose root method is `containers`. */
  readonly containers?: ContainersSection | undefined;
}

/** How far a machine is that boots one image once, and then another: {@link BootSettings.once}. */
export interface Installation {
  readonly machine: string;
  /** The image that it boots once. */
  readonly image: string;
  /** The last boot that got it. */
  readonly boot: string;
  readonly done: boolean;
}

/** What is decided about one boot, and what is to be remembered of it. */
export interface Decision<T> {
  /** An image's name, or {@link LOCAL}; undefined where the order no longer counts. */
  readonly boots: string | undefined;
  /** The order or installation as it is now; undefined where it is over. */
  readonly next: T | undefined;
}

/**
 * Whether a machine has got what it was to boot: it has left iPXE, and its initrd has not failed. Until then an image
 * that it boots once is given to it again.
 */
export function hasStarted({ outcome, steps }: BootWithSteps): boolean {
  if (outcome === 'failed') return false;
  // The kernel alone, where a system has no initrd, may be followed by one that failed.
  const last = steps.findLast(({ stage, happening }) => rank(stage) >= rank('kernel') && happening !== 'progress');
  return last?.happening === 'done' || last?.happening === 'begun';
}

/**
 * Whether an order counts for a boot.
 * @param boot the id of the boot that asks
 * @param before the boot that got it last, if that was another
 */
export function decideOrder(order: Order, boot: string, before: BootWithSteps | undefined): Decision<Order> {
  if (order.repeat === 'hold' || order.boot === boot) return { boots: order.image, next: order };
  if (before && hasStarted(before)) return { boots: undefined, next: undefined };
  return { boots: order.image, next: { ...order, boot } };
}

/** What a machine boots that is to boot one image once: `once`, and `afterwards` once that has started. */
export function decideInstallation(
  { machine, once, afterwards }: { readonly machine: string; readonly once: string; readonly afterwards: string },
  known: Installation | undefined,
  boot: string,
  before: BootWithSteps | undefined,
): Decision<Installation> {
  if (known?.image !== once) return { boots: once, next: { machine, image: once, boot, done: false } };
  if (known.done) return { boots: afterwards, next: known };
  if (known.boot === boot) return { boots: once, next: known };
  if (before && hasStarted(before)) return { boots: afterwards, next: { ...known, done: true } };
  return { boots: once, next: { ...known, boot } };
}
