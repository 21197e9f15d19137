import { createHash } from 'node:crypto';
import type { Scripts } from '../../ipxe-templates/scripts/wanted.ts';
import type { Image } from '../../model/boot/image.ts';
import type { BootEvent, RecordEvent } from '../../model/event.ts';
import type { Boot, BootWithSteps } from '../../model/fleet/boot.ts';
import type { BootChange, BootStore, LatestBoot } from '../../model/fleet/boot-store.ts';
import { diagnose } from '../../model/fleet/diagnosis/diagnosis.ts';
import { EVENT_STEPS } from '../../model/fleet/event-steps.ts';
import { LOCAL, type Order } from '../../model/fleet/next/next-boot.ts';
import type { ImageVersion } from '../../model/fleet/next/rollout.ts';
import type { SharedEvent } from '../../model/fleet/shared-events.ts';
import type { Diagnosis, Fleet, MachineStatus } from '../../model/fleet/status.ts';
import type { Tracker } from '../../model/fleet/tracker.ts';
import { SourceBudget } from '../../model/limits/source-budget.ts';
import type { KnownFacts } from '../../model/machine/known-facts.ts';
import { type Mac, parseMac } from '../../model/machine/mac.ts';
import type { Config, Match } from '../../model/settings/config.ts';
import type { Authorise } from './api-tokens.ts';
import { BootAccess } from './boot-access.ts';
import { BootTokens } from './boot-tokens.ts';
import { ChangeLog } from './change-log.ts';
import { type Chosen, machineOf, NextBoots } from './next-boots.ts';
import { Notes } from './notes.ts';
import { Rollouts } from './rollouts.ts';
import { Sharing } from './sharing.ts';

/** Changes that clients who follow them may have missed. */
const REMEMBERED = 10_000;
/** How long a client that follows changes waits for one, milliseconds. */
const PATIENCE = 15_000;
/** How long steps are collected before they are written together, milliseconds. */
const WRITE_AFTER = 100;
/** The pause after which a lot is written again that could not be, milliseconds, and how often. */
const AGAIN_AFTER = 1000;
const ATTEMPTS = 600;
/** The longest that a report waits until it is written, milliseconds: curl waits 5 s for its answer. */
const SAFE_WITHIN = 2000;
/** Steps that are written together at most, so that handing them over takes a few milliseconds. */
const LOT = 500;
/** Steps of machines without a node that are kept: anybody can make up addresses. */
const STRANGERS = { burst: 5000, perSecond: 1 };
/** The time for which a boot may be reported on, milliseconds: a machine may take long to fetch its root. */
const REPORTED = 24 * 3_600_000;
/** Steps that wait for the store; more are lost to it, and boots go on. */
const WAITING = 20_000;

/** Reports that one boot may send. */
const REPORTS = 200;

/** Options of {@link createFleet}. */
export interface FleetOptions {
  readonly tracker: Tracker;
  /** Undefined where nothing is kept. */
  readonly store: BootStore | undefined;
  readonly config: () => Config;
  /** What machines have told of themselves. */
  readonly facts: KnownFacts;
  /** Adds a node to the configuration file. */
  readonly adopt: Fleet['adopt'];
  readonly authorise: Authorise;
  readonly record: RecordEvent;
  readonly preview: Scripts['preview'];
  /** At least 32 hex digits that nobody can guess, for tokens. */
  readonly secret: string;
  /** The name of this daemon among those that share the store. */
  readonly origin: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** The memory of boots in the daemon. */
export interface FleetMemory extends Fleet {
  /** Notes an event of any service. */
  readonly observe: RecordEvent;
  /** Resolves when all events so far count. */
  settled(): Promise<void>;
  /** What a machine boots in place of its settings; undefined for these. */
  chosen(match: Match): Promise<Chosen | undefined>;
  /** The version of its image that a machine gets. */
  version(match: Match, image: Image, newest: ImageVersion): Promise<ImageVersion>;
  /** The digests of files that machines may get though newer ones are there, 64 hex digits each. */
  keptDigests(): Promise<readonly string[]>;
  /** The token by which a machine reports on its boot; undefined where none is known. */
  tokenOf(mac: Mac): string | undefined;
  /** Which machines may have their configuration. */
  readonly access: BootAccess;
  /** Ends the answers to clients that follow changes. */
  endStreams(): void;
  /** Writes what is left. */
  stop(): Promise<void>;
}

/** Follows the boots of machines by the events of all services, and keeps them. */
export function createFleet(options: FleetOptions): FleetMemory {
  const { tracker, store, config, facts, now, monotonic } = options;
  const log = new ChangeLog(REMEMBERED);
  const { secret } = options;
  const tokens = new BootTokens({ secret, purpose: 'report', uses: REPORTS });
  const access = new BootAccess({ boot: (mac) => tracker.boot(mac), byId: (id) => tracker.byId(id), secret, now });
  const strangers = new SourceBudget(STRANGERS, () => {});
  const isKept = ({ boot }: BootChange) => boot.node !== undefined || strangers.take('all', monotonic());
  const waiting: BootChange[] = [];
  let failures = 0;
  let stopped = false;
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const writeAll = async () => {
    while (waiting.length > 0) {
      const lot = waiting.slice(0, LOT);
      const isKept = await store?.add(lot).then(
        () => true,
        () => false,
      );
      // A store that is away says so itself, boots go on, and the steps wait for it.
      failures = isKept ? 0 : failures + 1;
      if (isKept || failures >= ATTEMPTS) waiting.splice(0, lot.length);
      else break;
    }
    writing = undefined;
    if (waiting.length > 0 && !stopped) timer ??= setTimeout(write, AGAIN_AFTER);
  };
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    writing ??= writeAll();
    return writing;
  };
  /** @param own whether it is for this daemon to keep */
  const apply = (event: BootEvent, at: number, own: boolean, newId?: () => string) => {
    const changes = tracker.observe(event, at, newId);
    if (changes.length === 0) return;
    log.add(changes);
    if (!store || !own || waiting.length >= WAITING) return;
    waiting.push(...changes.filter(isKept));
    timer ??= setTimeout(write, WRITE_AFTER);
  };
  const sharing =
    store?.feed &&
    new Sharing({
      feed: store.feed,
      origin: options.origin,
      monotonic,
      apply: (shared, own) => apply(shared.event, shared.at, own, () => idOf(shared)),
    });
  /** After the store was away: what other daemons have kept meanwhile. */
  const refresh = async () => {
    await write();
    for (const { id, mac, last } of (await store?.latest()) ?? []) {
      const known = tracker.boot(mac);
      if (known && (known.id === id || known.last > last)) continue;
      const boot = await store?.boot(id);
      if (boot) tracker.restore(boot);
    }
  };
  store?.feed?.onBack(() => {
    // The others write what they have kept at the same time: they are given a moment.
    refresh().then(
      () => setTimeout(() => refresh().catch(() => {}), 3 * AGAIN_AFTER).unref(),
      () => {},
    );
  });
  const observe = (event: BootEvent) => {
    if (!(event.event in EVENT_STEPS)) return;
    if (sharing) sharing.observe(event, now());
    else apply(event, now(), true);
  };
  const writeNow = async () => {
    await sharing?.settled();
    // A store that is away is tried again at its own pace.
    if (failures === 0) await write();
  };
  /** A boot that is no longer followed and never came up is unfinished. */
  const settled = <T extends Boot>(boot: T): T =>
    boot.outcome === 'under-way' && tracker.boot(boot.mac)?.id !== boot.id ? { ...boot, outcome: 'unfinished' } : boot;
  const explain = (boot: BootWithSteps) => {
    const diagnosis = diagnose(boot, now());
    return diagnosis ? { ...boot, diagnosis } : boot;
  };
  /** A boot of an earlier daemon, of which the last step is at hand: enough where that was the end of it. */
  const explainKept = ({ step, ...boot }: LatestBoot) => {
    const withStep = { ...boot, steps: step ? [step] : [] };
    return boot.outcome === 'up' || boot.outcome === 'failed' ? explain(withStep) : withStep;
  };
  const macsOfMachine = (machine: string): readonly Mac[] => {
    const mac = parseMac(machine);
    if (mac) return [mac];
    // A node may boot by a card that its settings do not name.
    const seen = [...tracker.boots()].filter(({ node }) => node === machine).map((boot) => boot.mac);
    const named = config().nodes.find(({ name }) => name === machine)?.macs ?? [];
    return [...new Set([...named, ...seen])];
  };
  const bootById = async (id: string) => tracker.byId(id) ?? (await store?.boot(id));
  const orders = new Notes<Order>('order', store);
  const nextBoots = new NextBoots({ orders, installations: new Notes('installation', store), boot: bootById });
  const rollouts = new Rollouts({
    rollouts: new Notes('rollout', store),
    machines: new Notes('rollout-machine', store),
    boot: async (id) => {
      const boot = await bootById(id);
      return boot && settled(boot);
    },
    total: (image) => totals(config()).get(image) ?? 0,
    record: options.record,
    now,
  });
  /** The name by which orders know a machine; undefined for one that there is not. */
  const orderName = (machine: string): string | undefined => {
    const mac = parseMac(machine);
    if (mac) return config().byMac.get(mac)?.name ?? mac;
    return config().nodes.find(({ name }) => name === machine)?.name;
  };

  return {
    observe,
    access,
    settled: async () => await sharing?.settled(),
    tokenOf: (mac) => {
      const boot = tracker.boot(mac);
      return boot && tokens.of(boot.id);
    },
    report: async (token, step, client) => {
      const owner = tokens.use(token);
      if (typeof owner === 'string') return owner;
      const { mac, began = 0 } = tracker.byId(owner.boot) ?? {};
      if (mac === undefined || now() - began > REPORTED) return 'unknown';
      access.noteAddress(client, { mac, boot: owner.boot });
      const level = step.happening === 'failed' ? 'warn' : 'debug';
      observe({ ...step, event: 'boot.report', level, mac, boot: owner.boot, client });
      // What a machine was told to be heard, it does not say again.
      await Promise.race([writeNow(), pause(SAFE_WITHIN)]);
      return 'accepted';
    },
    status: async () => {
      const current = new Map([...tracker.boots()].map((boot) => [boot.mac, statusOf(explain(boot))]));
      // A store that is away has said so: what is followed is still known.
      const kept = (await store?.latest().catch(() => [])) ?? [];
      const before = kept.filter(({ mac }) => !current.has(mac)).map((boot) => statusOf(explainKept(settled(boot))));
      return lastOfEach([...current.values(), ...before]).sort(byName);
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
      const found = await bootById(id);
      return found && explain(settled(found));
    },
    bootsOf: async (image, limit) => (await store?.bootsOf(image, limit)) ?? [],
    changes: (after) => log.since(after, PATIENCE),
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
    next: async (machine, client) => {
      const macs = machine === 'self' ? [tracker.machineAt(client)] : macsOfMachine(machine);
      const boot = macs.flatMap((mac) => (mac && tracker.boot(mac)) ?? []).sort((a, b) => b.began - a.began)[0];
      if (!boot) return undefined;
      const next = await options.preview(boot.mac, {
        choose: (match) => nextBoots.preview(match, boot),
        version: (match, image, newest) => rollouts.version(image, machineOf(match), undefined, newest),
      });
      const { mac, node, image, version } = boot;
      const differs = next?.image !== image || next?.version !== version;
      return { mac, node, running: { image, version }, ...(next && { next }), differs };
    },
    orders: async () => [...(await orders.all()).values()],
    order: async (machine, image, repeat, by) => {
      const name = orderName(machine);
      if (name === undefined) return 'no-machine';
      if (image !== LOCAL && !config().images.includes(image)) return 'no-image';
      await orders.put(name, { machine: name, image, repeat, at: now(), by });
      return 'ordered';
    },
    cancel: async (machine) => {
      const name = orderName(machine) ?? machine;
      if (!(await orders.get(name))) return false;
      await orders.put(name, undefined);
      return true;
    },
    strangers: async () => {
      const boots = [...tracker.boots()].filter(({ node }) => node === undefined);
      const strangers = boots.map(({ mac, last }) => ({ mac, last, facts: facts.of(mac) }));
      return strangers.sort((a, b) => b.last - a.last);
    },
    adopt: options.adopt,
    authorise: options.authorise,
    readsAreOpen: async () => config().api.read === 'any',
    endStreams: () => log.stop(),
    stop: async () => {
      await sharing?.stop();
      stopped = true;
      await write();
      await store?.close();
    },
  };
}

const knownTotals = new WeakMap<Config, ReadonlyMap<string, number>>();

/** How many nodes each image has, counted once for each configuration. */
function totals(config: Config): ReadonlyMap<string, number> {
  const known = knownTotals.get(config);
  if (known) return known;
  const counts = new Map<string, number>();
  for (const { settings } of config.nodes) {
    const image = settings.image?.value.name;
    if (image !== undefined) counts.set(image, (counts.get(image) ?? 0) + 1);
  }
  knownTotals.set(config, counts);
  return counts;
}

/** The id of a boot that an event begins, the same at each daemon. */
function idOf({ origin, number }: SharedEvent): string {
  return createHash('sha256').update(`${origin} ${number}`).digest('hex').slice(0, 16);
}

/** The last boot of each node: it may have booted by another card before. */
function lastOfEach(machines: readonly MachineStatus[]): MachineStatus[] {
  const last = new Map<string, MachineStatus>();
  for (const machine of machines) {
    const key = machine.node ?? machine.mac;
    if ((last.get(key)?.began ?? 0) <= machine.began) last.set(key, machine);
  }
  return [...last.values()];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

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
