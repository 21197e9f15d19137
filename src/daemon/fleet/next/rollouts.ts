import type { Image } from '../../../model/boot/image.ts';
import type { RecordEvent } from '../../../model/event.ts';
import type { Boot } from '../../../model/fleet/boot.ts';
import {
  advance,
  getsNewest,
  type ImageVersion,
  type Rollout,
  type RolloutMachine,
  settleMachine,
  type VersionPolicy,
  withVersion,
} from '../../../model/fleet/next/rollout.ts';
import type { Notes } from './notes.ts';

/** Options of {@link Rollouts}. */
export interface RolloutsOptions {
  readonly rollouts: Notes<Rollout>;
  /** By {@link keyOf}. */
  readonly machines: Notes<RolloutMachine>;
  /** A boot by its id. */
  readonly boot: (id: string) => Promise<Boot | undefined>;
  /** How many machines an image has. */
  readonly total: (image: string) => number;
  readonly record: RecordEvent;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const keyOf = (image: string, machine: string): string => `${image}\n${machine}`;

const policyOf = ({ rollout, keepLastGood = false }: Image): VersionPolicy => ({ rollout, keepLastGood });

/** Decides which version of an image each machine gets, by how its boots turned out. */
export class Rollouts {
  private readonly options: RolloutsOptions;
  /** One decision at a time: each depends on the ones before. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(options: RolloutsOptions) {
    this.options = options;
  }

  /**
   * The version that a machine gets.
   * @param boot the id of its boot; undefined to look, without a trace
   * @param newest the version in force
   */
  version(image: Image, machine: string, boot: string | undefined, newest: ImageVersion): Promise<ImageVersion> {
    const decided = this.turn.then(() => this.decide(image, machine, boot, newest));
    this.turn = decided.catch(() => {});
    return decided;
  }

  private async decide(image: Image, machine: string, boot: string | undefined, newest: ImageVersion) {
    const { rollouts, total, now } = this.options;
    const policy = policyOf(image);
    const known = await rollouts.get(image.name);
    const isKnown = known?.next.id === newest.id;
    const others = isKnown ? new Map() : await this.machinesOf(image.name, known?.next.id);
    const began = withVersion(known, others, image.name, newest, policy);
    const machines = await this.settled(image, began, policy, machine);
    const count = total(image.name);
    const state = advance(began, machines, policy, count);
    const gets = getsNewest(state, machines, machine, policy, count);
    if (boot !== undefined) {
      if (state !== known) await rollouts.note(image.name, state);
      if (state.phase !== known?.phase) this.tell(state);
      const before = machines.get(machine);
      if (gets && state.before && before?.boot !== boot) {
        const noted = {
          version: newest.id,
          boot,
          at: now(),
          result: 'under-way',
          failures: before?.failures ?? 0,
        } as const;
        await this.options.machines.note(keyOf(image.name, machine), noted);
      }
    }
    return gets ? state.next : (state.before ?? state.next);
  }

  /** The machines that got a version. */
  private async machinesOf(image: string, version: string | undefined): Promise<Map<string, RolloutMachine>> {
    const found = new Map<string, RolloutMachine>();
    for (const [key, machine] of await this.options.machines.all()) {
      const [name, who = ''] = key.split('\n');
      if (name === image && machine.version === version) found.set(who, machine);
    }
    return found;
  }

  /** The machines that got the newest version; once all may have it, only this one counts. */
  private async settled(
    image: Image,
    { next, phase }: Rollout,
    policy: VersionPolicy,
    wanted: string,
  ): Promise<Map<string, RolloutMachine>> {
    const { machines: notes, boot, now } = this.options;
    const own = phase === 'all' ? await notes.get(keyOf(image.name, wanted)) : undefined;
    const only = new Map(own?.version === next.id ? [[wanted, own]] : []);
    const machines = phase === 'all' ? only : await this.machinesOf(image.name, next.id);
    for (const [name, machine] of machines) {
      if (machine.result !== 'under-way') continue;
      const after = settleMachine(machine, await boot(machine.boot).catch(() => undefined), policy, now());
      if (after === machine) continue;
      machines.set(name, after);
      await notes.note(keyOf(image.name, name), after);
    }
    return machines;
  }

  private tell({ image, phase, next, why }: Rollout): void {
    const to = {
      canary: 'the first machines',
      part: 'a part of its machines',
      all: 'all machines',
      stopped: 'no more',
    };
    const message = `image ${image}: version ${next.id} goes to ${to[phase]}${why === undefined ? '' : `: ${why}`}`;
    this.options.record({
      event: 'image.rollout',
      level: phase === 'stopped' ? 'warn' : 'info',
      message,
      image,
      phase,
    });
  }

  /** All that are known. */
  async all(): Promise<readonly Rollout[]> {
    return [...(await this.options.rollouts.all()).values()];
  }

  /** The digests of the files of the versions that machines may get, 64 hex digits each. */
  async digests(): Promise<readonly string[]> {
    const versions = (await this.all()).flatMap(({ next, before }) => [next, ...(before ? [before] : [])]);
    return versions.flatMap(({ pins }) => pins.map(([, { digest }]) => digest));
  }
}
