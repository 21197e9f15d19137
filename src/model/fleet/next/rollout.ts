import type { Pin } from '../../boot/boot-plan.ts';
import type { RolloutSettings, Root } from '../../boot/image.ts';
import type { Boot } from '../boot.ts';

/** One version of an image: the versions of all its files. */
export interface ImageVersion {
  /** 16 hex digits. */
  readonly id: string;
  readonly root: Root;
  /** By the paths of the files. */
  readonly pins: readonly (readonly [path: string, pin: Pin])[];
}

/** A machine that got the newest version. */
export interface RolloutMachine {
  /** The version's id. */
  readonly version: string;
  /** The boot with it that began last. */
  readonly boot: string;
  /** When that got its script, milliseconds since 1970. */
  readonly at: number;
  readonly result: 'under-way' | 'up' | 'failed';
  /** Boots with it that failed, one after the other. */
  readonly failures: number;
}

/** The machines that got the newest version, by their names. */
export type RolloutMachines = ReadonlyMap<string, RolloutMachine>;

/** How far the newest version of an image is. */
export interface Rollout {
  readonly image: string;
  readonly next: ImageVersion;
  /** The version that came up before; undefined for an image that had one only. */
  readonly before?: ImageVersion | undefined;
  readonly phase: 'canary' | 'part' | 'all' | 'stopped';
  /** The reason, of one that is stopped. */
  readonly why?: string | undefined;
}

/** What an image says of new versions. */
export interface VersionPolicy {
  readonly rollout?: RolloutSettings | undefined;
  /** Whether a machine on which a new version failed twice gets the one before. */
  readonly keepLastGood: boolean;
}

/** Boots with a version that may fail before the version before is given. */
const FAILURES = 2;

/** The state with a version that is new: what came up before it stays known. */
export function withVersion(
  known: Rollout | undefined,
  machines: RolloutMachines,
  image: string,
  next: ImageVersion,
  policy: VersionPolicy,
): Rollout {
  if (known?.next.id === next.id) return known;
  if (!known) return { image, next, phase: 'all' };
  // A version with which nobody came up is not one to return to.
  const results = [...machines.values()].map(({ result }) => result);
  const isGood = !known.before || results.length === 0 || results.includes('up');
  const before = known.phase === 'all' && isGood ? known.next : known.before;
  return { image, next, before, phase: policy.rollout ? 'canary' : 'all' };
}

/**
 * A machine as its boot with the new version has turned out.
 * @param boot the boot, where it is known
 * @param now milliseconds since 1970
 */
export function settleMachine(
  machine: RolloutMachine,
  boot: Boot | undefined,
  { rollout }: VersionPolicy,
  now: number,
): RolloutMachine {
  if (machine.result !== 'under-way') return machine;
  if (boot?.outcome === 'up') return { ...machine, result: 'up', failures: 0 };
  const isLate = rollout !== undefined && now - machine.at > rollout.within * 1000;
  const isOver = boot?.outcome === 'failed' || boot?.outcome === 'unfinished' || isLate;
  return isOver ? { ...machine, result: 'failed', failures: machine.failures + 1 } : machine;
}

/** How many machines may have the new version in a phase. */
function allowed({ phase }: Rollout, { rollout }: VersionPolicy, total: number): number {
  if (!rollout || phase === 'all') return Number.POSITIVE_INFINITY;
  if (phase === 'canary') return rollout.canary;
  return Math.max(rollout.canary, Math.ceil((total * rollout.part) / 100));
}

/**
 * The state by what became of the machines with the new version: it stops where one failed, and goes on to more machines
 * once all that may have it are up.
 * @param total the machines of the image
 */
export function advance(state: Rollout, machines: RolloutMachines, policy: VersionPolicy, total: number): Rollout {
  const { rollout } = policy;
  if (!rollout || state.phase === 'all' || state.phase === 'stopped') return state;
  const [failed] = [...machines].find(([, { result }]) => result === 'failed') ?? [];
  if (failed !== undefined) return { ...state, phase: 'stopped', why: `${failed} did not come up with it` };
  const up = [...machines.values()].filter(({ result }) => result === 'up').length;
  if (up < Math.min(allowed(state, policy, total), total)) return state;
  return { ...state, phase: state.phase === 'canary' && rollout.part < 100 ? 'part' : 'all' };
}

/** Whether a machine gets the newest version; otherwise it gets the one before. */
export function getsNewest(
  state: Rollout,
  machines: RolloutMachines,
  machine: string,
  policy: VersionPolicy,
  total: number,
): boolean {
  if (!state.before) return true;
  const known = machines.get(machine);
  if (policy.keepLastGood && known && known.failures >= FAILURES) return false;
  if (state.phase === 'stopped') return known?.result === 'up';
  return known !== undefined || machines.size < allowed(state, policy, total);
}
