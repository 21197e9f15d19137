import type { BootEvent, RecordEvent } from '../../model/event.ts';
import type { Boot, BootWithSteps } from '../../model/fleet/boot.ts';
import type { BootChange, BootStore } from '../../model/fleet/boot-store.ts';
import { diagnose } from '../../model/fleet/diagnosis.ts';
import type { Diagnosis, Fleet, MachineStatus } from '../../model/fleet/status.ts';
import type { Tracker } from '../../model/fleet/tracker.ts';
import { SourceBudget } from '../../model/limits/source-budget.ts';
import { type Mac, parseMac } from '../../model/machine/mac.ts';
import { ChangeLog } from './change-log.ts';
import { ReportTokens } from './report-tokens.ts';

/** Changes that clients who follow them may have missed. */
const REMEMBERED = 10_000;
/** How long a client that follows changes waits for one, milliseconds. */
const PATIENCE = 15_000;
/** How long steps are collected before they are written together, milliseconds. */
const WRITE_AFTER = 100;
/** Steps that are written together at most, so that handing them over takes a few milliseconds. */
const LOT = 500;
/** Steps of machines without a node that are kept: anybody can make up addresses. */
const STRANGERS = { burst: 5000, perSecond: 1 };
/** Steps that wait for the store; more are lost to it, and boots go on. */
const WAITING = 20_000;

/** Options of {@link createFleet}. */
export interface FleetOptions {
  readonly tracker: Tracker;
  /** Undefined where nothing is kept. */
  readonly store: BootStore | undefined;
  /** The addresses of a node. */
  readonly macsOf: (node: string) => readonly Mac[];
  /** 32 hex digits that nobody can guess. */
  readonly newToken: () => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** The memory of boots in the daemon. */
export interface FleetMemory extends Fleet {
  /** Notes an event of any service. */
  readonly observe: RecordEvent;
  /** The token by which a machine reports on its boot; undefined where none is known. */
  tokenOf(mac: Mac): string | undefined;
  /** Ends the answers to clients that follow changes. */
  endStreams(): void;
  /** Writes what is left. */
  stop(): Promise<void>;
}

/** Follows the boots of machines by the events of all services, and keeps them. */
export function createFleet(options: FleetOptions): FleetMemory {
  const { tracker, store, macsOf, newToken, now, monotonic } = options;
  const log = new ChangeLog(REMEMBERED);
  const tokens = new ReportTokens(newToken);
  const strangers = new SourceBudget(STRANGERS, () => {});
  const isKept = ({ boot }: BootChange) => boot.node !== undefined || strangers.take('all', monotonic());
  const waiting: BootChange[] = [];
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const writeAll = async () => {
    // A store that is away says so itself, and boots go on.
    while (waiting.length > 0) await store?.add(waiting.splice(0, LOT)).catch(() => {});
    writing = undefined;
  };
  const write = () => {
    timer = undefined;
    writing ??= writeAll();
    return writing;
  };
  const observe = (event: BootEvent) => {
    const changes = tracker.observe(event, now());
    if (changes.length === 0) return;
    log.add(changes);
    if (!store || waiting.length >= WAITING) return;
    waiting.push(...changes.filter(isKept));
    timer ??= setTimeout(write, WRITE_AFTER);
  };
  /** A boot that is no longer followed and never came up is unfinished. */
  const settled = <T extends Boot>(boot: T): T =>
    boot.outcome === 'under-way' && tracker.boot(boot.mac)?.id !== boot.id ? { ...boot, outcome: 'unfinished' } : boot;
  const explain = (boot: BootWithSteps) => {
    const diagnosis = diagnose(boot, now());
    return diagnosis ? { ...boot, diagnosis } : boot;
  };
  const macsOfMachine = (machine: string): readonly Mac[] => {
    const mac = parseMac(machine);
    return mac ? [mac] : macsOf(machine);
  };

  return {
    observe,
    tokenOf: (mac) => {
      const boot = tracker.boot(mac);
      return boot && tokens.of({ mac, boot: boot.id }, monotonic());
    },
    report: async (token, step, client) => {
      const owner = tokens.use(token, monotonic());
      if (typeof owner === 'string') return owner;
      const level = step.happening === 'failed' ? 'warn' : 'debug';
      observe({ ...step, event: 'boot.report', level, mac: owner.mac, boot: owner.boot, client });
      return 'accepted';
    },
    status: async () => {
      const current = new Map([...tracker.boots()].map((boot) => [boot.mac, statusOf(explain(boot))]));
      // A store that is away has said so: what is followed is still known.
      const kept = (await store?.latest().catch(() => [])) ?? [];
      const before = kept.filter(({ mac }) => !current.has(mac)).map((boot) => ({ ...settled(boot), message: '' }));
      return [...current.values(), ...before].sort(byName);
    },
    boots: async (machine, limit) => {
      const macs = macsOfMachine(machine);
      const kept = await Promise.all(macs.map(async (mac) => (await store?.boots(mac, limit)) ?? []));
      const current = macs.flatMap((mac) => tracker.boot(mac) ?? []).map(({ steps: _, ...boot }) => boot);
      const all = new Map([...kept.flat(), ...current].map((boot) => [boot.id, boot]));
      return [...all.values()]
        .map(settled)
        .sort((a, b) => b.began - a.began)
        .slice(0, limit);
    },
    boot: async (id) => {
      const current = [...tracker.boots()].find((boot) => boot.id === id);
      const found = current ?? (await store?.boot(id));
      return found && explain(settled(found));
    },
    bootsOf: async (image, limit) => (await store?.bootsOf(image, limit)) ?? [],
    changes: (after) => log.since(after, PATIENCE),
    endStreams: () => log.stop(),
    stop: async () => {
      clearTimeout(timer);
      await write();
      await store?.close();
    },
  };
}

function byName(a: Boot, b: Boot): number {
  const [first, second] = [a.node ?? `~${a.mac}`, b.node ?? `~${b.mac}`];
  return first < second ? -1 : first > second ? 1 : 0;
}

function statusOf({ steps, ...boot }: BootWithSteps & { readonly diagnosis?: Diagnosis }): MachineStatus {
  const last = steps.at(-1);
  const download = boot.outcome === 'under-way' ? steps.findLast(({ bytes }) => bytes !== undefined) : undefined;
  const { bytes, length, seconds } = download?.stage === boot.stage ? download : {};
  const rate = bytes !== undefined && seconds ? Math.round(bytes / seconds) : undefined;
  return { ...boot, message: last?.message ?? '', bytes, length, rate };
}
