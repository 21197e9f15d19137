import type { BootEvent } from '../event.ts';
import { dropOldest } from '../limits/drop-oldest.ts';
import type { Mac } from '../machine/mac.ts';
import { beginsBoot, LATE } from './begins.ts';
import { type Boot, type BootStep, type BootWithSteps, rank } from './boot.ts';
import type { BootChange } from './boot-store.ts';
import { diagnose } from './diagnosis/diagnosis.ts';
import { EVENT_STEPS, type FileRole, type StepDraft } from './event-steps.ts';
import { MachineAddresses } from './machine-addresses.ts';
import type { Diagnosis } from './status.ts';

/** Machines that are remembered; those heard of longest ago go first. */
const MACHINES = 20_000;
/** Steps of one boot: of a machine that repeats itself for ever the first and the last are remembered. */
const STEPS = 200;
/** Boots that begin within this time of each other, milliseconds, may be a loop. */
const LOOP = 15 * 60_000;
/** Progress of one stage is noted so often, milliseconds. */
const PROGRESS_EVERY = 5000;

/** Options of {@link Tracker}. */
export interface TrackerOptions {
  /** What a file is to a machine that fetches it. @param path of the URL */
  readonly roleOf: (mac: Mac, path: string) => FileRole | undefined;
  /** The name of the node with this address. */
  readonly nodeOf: (mac: Mac) => string | undefined;
  /** 16 hex digits, new each time. */
  readonly newId: () => string;
}

function outcomeOf(boot: Boot, { stage, happening, reason }: BootStep): Boot['outcome'] {
  if ((stage === 'up' && happening === 'done') || stage === 'pipeline') return 'up';
  if (boot.outcome === 'up') return 'up';
  // A transfer of firmware's that nobody answers any more ends long after the initrd has begun.
  if (rank(stage) < rank('network') && rank(boot.stage) >= rank('network')) return boot.outcome;
  // What iPXE and the initrd fail at they try again by themselves: the initrd says so when it gives up, and a report
  // has no reason as a word.
  const gaveUp = happening === 'failed' && reason === undefined;
  return gaveUp && rank(boot.stage) >= rank('network') ? 'failed' : 'under-way';
}

/** Makes boots of the events of all services: see {@link EVENT_STEPS} and {@link beginsBoot}. */
export class Tracker {
  private readonly known = new Map<Mac, BootWithSteps & { readonly steps: BootStep[] }>();
  /** The last boot of each machine and the one before, by their ids. */
  private readonly ids = new Map<string, BootWithSteps>();
  /** The ids of boots before the last. */
  private readonly previous = new Map<Mac, string>();
  private readonly addresses = new MachineAddresses();
  private readonly options: TrackerOptions;

  constructor(options: TrackerOptions) {
    this.options = options;
  }

  /**
   * The changes that an event makes.
   * @param at milliseconds since 1970
   * @param newId the id of a boot that it begins
   */
  observe(event: BootEvent, at: number, newId = this.options.newId): readonly BootChange[] {
    const read = EVENT_STEPS[event.event];
    if (!read) return [];
    const { mac, earlier } = this.addresses.machineOf(event, at);
    if (mac === undefined) return [];
    const changes = this.note(mac, event, at, read, newId);
    // Files that were fetched before it was known by which machine.
    for (const each of earlier)
      changes.push(...this.note(mac, each.event, each.at, EVENT_STEPS[each.event.event], newId));
    return changes;
  }

  /** The last boot of a machine. */
  boot(mac: Mac): BootWithSteps | undefined {
    return this.known.get(mac);
  }

  /** The machine that has an IP address, as far as it is known. */
  machineAt(address: string): Mac | undefined {
    return this.addresses.at(address);
  }

  /** The boot of this id, if it is the last of its machine or the one before. */
  byId(id: string): BootWithSteps | undefined {
    return this.ids.get(id);
  }

  /** The last boot of each machine. */
  boots(): Iterable<BootWithSteps> {
    return this.known.values();
  }

  /** Takes over a boot that an earlier daemon has followed. */
  restore(boot: BootWithSteps): void {
    this.remember(boot.mac, { ...boot, steps: [...boot.steps] });
  }

  private note(
    mac: Mac,
    event: BootEvent,
    at: number,
    read: (typeof EVENT_STEPS)[string] | undefined,
    newId: () => string,
  ): BootChange[] {
    const path = typeof event.path === 'string' ? event.path : '';
    const draft = read?.(event, this.options.roleOf(mac, path));
    const before = this.known.get(mac);
    if (!draft || (event.event === 'boot.report' && before?.id !== event.boot)) return [];
    const boot = beginsBoot(before, event, at) ? this.begin(mac, at, draft, before, newId()) : before;
    if (!boot || !isWorthNoting(boot, draft, at)) return [];
    // The answer tells enough, but where the question begins a boot.
    if (event.event === 'boot.asked' && boot === before) return [];
    const { node, image, version, ...rest } = draft;
    const step: BootStep = { at, ...rest };
    const stage = rank(step.stage) > rank(boot.stage) ? step.stage : boot.stage;
    const about = { node: node ?? boot.node, image: image ?? boot.image, version: version ?? boot.version };
    const moved = { ...boot, ...about, stage, last: Math.max(boot.last, at) };
    const next = { ...moved, outcome: outcomeOf(moved, step) };
    const isFull = boot.steps.length >= STEPS && step.stage !== 'up';
    if (isFull) next.steps.splice(STEPS / 2, 1);
    next.steps.push(step);
    next.steps.sort((a, b) => a.at - b.at);
    this.remember(mac, next);
    const { steps: _, ...after } = next;
    // A boot comes to each stage once, so this is bounded too.
    return isFull && stage === boot.stage ? [] : [{ boot: after, step }];
  }

  private begin(mac: Mac, at: number, { stage }: StepDraft, before: BootWithSteps | undefined, id: string) {
    const about = { node: this.options.nodeOf(mac), image: undefined, version: undefined };
    // A person who restarts a machine that is up comes to two or three.
    const isLoop = before !== undefined && at - before.began < LOOP;
    const stuck = isLoop ? diagnose(before, at) : undefined;
    const loop = isLoop ? { restarts: (before.restarts ?? 0) + 1, before: reasonOf(stuck) ?? before.before } : {};
    const began = { began: at, last: at, stage, outcome: 'under-way', steps: [] as BootStep[] } as const;
    return { id, mac, ...about, ...began, ...loop };
  }

  private remember(mac: Mac, boot: BootWithSteps & { readonly steps: BootStep[] }): void {
    const before = this.known.get(mac);
    if (before && before.id !== boot.id) {
      this.ids.delete(this.previous.get(mac) ?? '');
      this.previous.set(mac, before.id);
    }
    this.ids.set(boot.id, boot);
    this.known.delete(mac);
    this.known.set(mac, boot);
    const [machine, dropped] = dropOldest(this.known, MACHINES) ?? [];
    if (machine === undefined || !dropped) return;
    this.ids.delete(dropped.id);
    this.ids.delete(this.previous.get(machine) ?? '');
    this.previous.delete(machine);
  }
}

/** What a boot was stuck at; that it was a loop says nothing more. */
function reasonOf(stuck: Diagnosis | undefined): string | undefined {
  return stuck === undefined || stuck.rule === 'boot-loop' ? undefined : stuck.message;
}

/**
 * Whether a transfer of the boot file that nobody answers any more is of no account, as another one has brought it. iPXE,
 * which asks DHCP after it, shows that. So does another transfer's end where this one was never answered: firmware asks
 * for the size first, and ends that transfer by a packet that may be lost; or its request came twice. Also one that the
 * machine asked for in the boot before.
 */
function wasOvertaken({ began, stage: reached, steps }: BootWithSteps, draft: StepDraft, at: number): boolean {
  const { stage, reason, bytes, seconds = 0 } = draft;
  if (stage !== 'boot-file' || reason !== 'client-gone') return false;
  const asked = at - seconds * 1000;
  // The last ACK of the one that brought it may be lost: then its own end is later still.
  if (steps.some((step) => step.stage === 'dhcp' && step.reason === 'ipxe' && step.at >= asked)) return true;
  if (bytes !== undefined) return false;
  if (rank(reached) > rank('boot-file')) return true;
  const done = steps.findLast((step) => step.stage === 'boot-file' && step.happening === 'done');
  return asked < began || (done !== undefined && done.at >= asked - LATE);
}

/** False for progress that was noted a moment ago, and for a transfer that does not count any more. */
function isWorthNoting(boot: BootWithSteps, draft: StepDraft, at: number): boolean {
  if (wasOvertaken(boot, draft, at)) return false;
  const last = boot.steps.findLast(({ stage }) => stage === draft.stage);
  if (draft.happening !== 'progress' || last?.happening !== 'progress') return true;
  return at - last.at >= PROGRESS_EVERY;
}
