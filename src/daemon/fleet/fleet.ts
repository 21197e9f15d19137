import { createHash } from 'node:crypto';
import type { BootEvent, RecordEvent } from '../../model/event.ts';
import type { Boot, BootWithSteps } from '../../model/fleet/boot.ts';
import type { BootChange, BootStore, LatestBoot } from '../../model/fleet/boot-store.ts';
import { diagnose } from '../../model/fleet/diagnosis/diagnosis.ts';
import { EVENT_STEPS } from '../../model/fleet/event-steps.ts';
import { addressOf } from '../../model/fleet/machine-addresses.ts';
import type { SharedEvent } from '../../model/fleet/shared-events.ts';
import type { Fleet } from '../../model/fleet/status.ts';
import { SourceBudget } from '../../model/limits/source-budget.ts';
import { type Mac, parseMac } from '../../model/machine/mac.ts';
import { recognise } from '../../model/settings/recognise.ts';
import { BootFollower } from '../observe/boot-news.ts';
import { ChangeLog } from './change-log.ts';
import { configured } from './configured.ts';
import type { FleetOptions } from './fleet-options.ts';
import { Sharing } from './keeping/sharing.ts';
import { StepWriter } from './keeping/step-writer.ts';
import { type NextOfMachines, nextOf } from './next/next-of-machines.ts';
import { byName, lastOfEach, statusOf } from './status.ts';
import { BootAccess } from './tokens/boot-access.ts';
import { BootTokens } from './tokens/boot-tokens.ts';

/** Changes that clients who follow them may have missed. */
const REMEMBERED = 10_000;
/** How long a client that follows changes waits for one, milliseconds. */
const PATIENCE = 15_000;
/** The longest that a report or a reader waits for what is written, milliseconds: curl waits 5 s for its answer. */
const SAFE_WITHIN = 2000;
/** After a store was away, how long other daemons may take to write what they have kept, milliseconds. */
const OTHERS_WRITE = 3000;
/** Steps of machines without a node that are kept: anybody can make up addresses. */
const STRANGERS = { burst: 5000, perSecond: 1 };
/** The time for which a boot may be reported on, milliseconds: a machine may take long to fetch its root. */
const REPORTED = 24 * 3_600_000;

/** Reports that one boot may send. */
const REPORTS = 200;

/** The memory of boots in the daemon. */
export interface FleetMemory extends Fleet, NextOfMachines {
  /** Notes an event of any service. */
  readonly observe: RecordEvent;
  /** Resolves when all events so far count. */
  settled(): Promise<void>;
  /** The token by which a machine reports on its boot; undefined where none is known. */
  tokenOf(mac: Mac): string | undefined;
  /** Which machines may have their configuration. */
  readonly access: BootAccess;
  /** The last boot of each machine, as far as this daemon has followed it. */
  lastBoots(): Iterable<Boot>;
  /** What is stuck in a boot, by the rule of the diagnosis; undefined where nothing is known of it. */
  ruleOf(boot: Boot): string | undefined;
  /** Ends the answers to clients that follow changes. */
  endStreams(): void;
  /** Writes what is left. */
  stop(): Promise<void>;
}

/** Follows the boots of machines by the events of all services, and keeps them. */
export function createFleet(options: FleetOptions): FleetMemory {
  const { tracker, store, config, facts, neighbour, now, monotonic } = options;
  const log = new ChangeLog(REMEMBERED);
  const { secret } = options;
  const tokens = new BootTokens({ secret, purpose: 'report', uses: REPORTS });
  const access = new BootAccess({ boot: (mac) => tracker.boot(mac), byId: (id) => tracker.byId(id), secret, now });
  const strangers = new SourceBudget(STRANGERS, () => {});
  const writer = store && new StepWriter(store);
  const follower = new BootFollower((id) => tracker.byId(id));
  follower.know([...options.earlier, ...tracker.boots()]);
  const isKept = ({ boot }: BootChange) => boot.node !== undefined || strangers.take('all', monotonic());
  /** @param own whether it is for this daemon to keep */
  const apply = (event: BootEvent, at: number, own: boolean, newId?: () => string) => {
    const changes = tracker.observe(event, at, newId);
    if (changes.length === 0) return;
    log.add(changes);
    const news = follower.news(changes);
    if (!own) return;
    writer?.add(changes.filter(isKept));
    for (const each of news) options.onNews(each);
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
    await writer?.write();
    for (const { id, mac, last } of (await store?.latest()) ?? []) {
      const known = tracker.boot(mac);
      if (known && (known.id === id || known.last > last)) continue;
      const boot = await store?.boot(id);
      if (!boot) continue;
      tracker.restore(boot);
      follower.know([boot]);
    }
  };
  store?.feed?.onBack(() => {
    // The others write what they have kept at the same time: they are given a moment.
    refresh().then(
      () => setTimeout(() => refresh().catch(() => {}), OTHERS_WRITE).unref(),
      () => {},
    );
  });
  /**
   * An event with its machine. Which address a machine has was not heard where the packet was lost by which it asked for
   * its lease, or came while the daemon was down. A router, which is the neighbour of whole networks, does not boot here.
   */
  const withMachine = (event: BootEvent): BootEvent => {
    const address = event.mac === undefined ? addressOf(event) : undefined;
    if (address === undefined || tracker.machineAt(address) !== undefined) return event;
    const mac = neighbour(address);
    return mac !== undefined && tracker.boot(mac) ? { ...event, mac } : event;
  };
  const observe = (event: BootEvent) => {
    if (!(event.event in EVENT_STEPS)) return;
    const whose = withMachine(event);
    if (sharing) sharing.observe(whose, now());
    else apply(whose, now(), true);
  };
  /** Resolves when all steps so far are kept, or cannot be. */
  const safe = async () => {
    await sharing?.settled();
    await writer?.writeNow();
  };
  /**
   * Reads from the store when it has all steps so far, unless it is away: of boots that are no longer followed it alone
   * knows the end. Undefined where there is none.
   */
  const readKept = async <T>(read: (kept: BootStore) => Promise<T>): Promise<T | undefined> => {
    if (!store || !writer) return undefined;
    await atMost(SAFE_WITHIN, writer.writeNow());
    return await read(store);
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
  const bootById = async (id: string) => tracker.byId(id) ?? (await readKept((kept) => kept.boot(id)));
  const next = nextOf({ ...options, boot: bootById, settled, macsOf: macsOfMachine });

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
      await atMost(SAFE_WITHIN, safe());
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
      const kept = (await readKept((from) => Promise.all(macs.map((mac) => from.boots(mac, limit))))) ?? [];
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
    bootsOf: async (image, limit) => (await readKept((kept) => kept.bootsOf(image, limit))) ?? [],
    changes: (after) => log.since(after, PATIENCE),
    lastChange: async () => log.newest,
    ...configured(options, macsOfMachine),
    ...next,
    strangers: async () => {
      // A machine that was adopted has its node from its next boot on.
      const boots = [...tracker.boots()].filter(
        ({ node, mac }) => node === undefined && !recognise(config(), facts.of(mac)).node,
      );
      const strangers = boots.map(({ mac, last }) => ({ mac, last, facts: facts.of(mac) }));
      return strangers.sort((a, b) => b.last - a.last);
    },
    adopt: options.adopt,
    authorise: options.authorise,
    readsAreOpen: async () => config().api.read === 'any',
    lastBoots: () => follower.boots(),
    ruleOf: ({ id }) => {
      const boot = tracker.byId(id);
      return boot && diagnose(boot, now())?.rule;
    },
    endStreams: () => log.stop(),
    stop: async () => {
      await sharing?.stop();
      await writer?.stop();
    },
  };
}

/** The id of a boot that an event begins, the same at each daemon. */
function idOf({ origin, number }: SharedEvent): string {
  return createHash('sha256').update(`${origin} ${number}`).digest('hex').slice(0, 16);
}

/** Waits for something, or so long. @param ms milliseconds */
async function atMost(ms: number, something: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms).unref();
  });
  await Promise.race([something, over]).finally(() => clearTimeout(timer));
}
