import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { workerCount } from '../../http/workers/workers.ts';
import { requiredFiles } from '../../model/boot/boot-plan.ts';
import { fileOfBuild, rootOf, withRoot } from '../../model/boot/build.ts';
import type { Boot } from '../../model/fleet/boot.ts';
import type { BootStore } from '../../model/fleet/boot-store.ts';
import { type Config, type Match, sampleMatches } from '../../model/settings/config.ts';
import { readSecret } from '../configuration/secrets.ts';
import type { FleetMemory } from '../fleet/fleet.ts';
import { type Observer, openObserver } from '../observe/observer.ts';
import { type Sample, sample } from '../observe/samples.ts';
import type { DaemonOptions, ServingState } from './serving-state.ts';

/** How long a version may take to be found, milliseconds: one that is being computed is left out. */
const PATIENCE = 200;
/** Machines that are looked at in one go. */
const LOT = 500;

interface Known {
  readonly nodeNames: ReadonlySet<string>;
  /** One match for each image that has a root. */
  readonly rooted: readonly Match[];
}

const known = new WeakMap<Config, Known>();

/** What follows from a configuration, computed once. */
function knownOf(config: Config): Known {
  const before = known.get(config);
  if (before) return before;
  const rooted = sampleMatches(config).flatMap((match) => {
    const image = match.settings.image?.value;
    return image && (image.root.source || image.build) ? [[image.name, match] as const] : [];
  });
  const found = { nodeNames: new Set(config.nodes.map(({ name }) => name)), rooted: [...new Map(rooted).values()] };
  known.set(config, found);
  return found;
}

/** The digest of an image's root that machines get now; undefined where none is known. */
async function versionOf(match: Match, { versions, store }: ServingState): Promise<string | undefined> {
  const image = match.settings.image?.value;
  const build = image?.build && (await versions.build(image));
  const root = image && build ? rootOf(image, build) : image?.root;
  const source = root?.source;
  if (!image || !root || !source || source.kind === 'url') return undefined;
  const settled = { ...match, settings: withRoot(match.settings, root) };
  const path = source.kind === 'image' ? `oci:${source.name}` : source.path;
  const own = fileOfBuild(image.build?.name ?? '', path);
  const pin = own === undefined ? undefined : build?.files.get(own);
  if (pin) return pin.digest;
  const needed = requiredFiles(settled).find((each) => each.path === path);
  // One that is not read yet would have to be read whole.
  if (!needed || (needed.form !== 'image' && !store.pinned(path))) return undefined;
  return (await versions.pin(needed)).digest;
}

async function versionSamples(state: ServingState): Promise<readonly Sample[]> {
  const found = knownOf(state.config).rooted.map(async (match) => {
    const late = delay(PATIENCE, undefined, { ref: false });
    const version = await Promise.race([versionOf(match, state).catch(() => undefined), late]);
    const labels = { image: match.settings.image?.value.name, version: version?.slice(0, 12) };
    return version === undefined ? [] : [sample('slipway_image_version_info', labels)];
  });
  return (await Promise.all(found)).flat();
}

/** The last boot of each node, or of each machine without one: a node may have booted by another card before. */
function lastOfEach(boots: Iterable<Boot>): readonly Boot[] {
  const last = new Map<string, Boot>();
  for (const boot of boots) {
    const key = boot.node ?? boot.mac;
    if ((last.get(key)?.began ?? 0) <= boot.began) last.set(key, boot);
  }
  return [...last.values()];
}

/** Adds one to the count of a kind. */
const countOne = (counts: Map<string, number>, kind: string) => counts.set(kind, (counts.get(kind) ?? 0) + 1);

async function machineSamples({ config }: ServingState, fleet: FleetMemory): Promise<readonly Sample[]> {
  const { metrics } = config.server;
  const perNode = metrics !== false && metrics.nodes;
  const [outcomes, rules] = [new Map<string, number>(), new Map<string, number>()];
  const ofNodes: Sample[] = [];
  for (const [index, boot] of lastOfEach(fleet.lastBoots()).entries()) {
    // Requests are answered meanwhile.
    if (index % LOT === LOT - 1) await nextTurn();
    const { node, image, outcome, began } = boot;
    countOne(outcomes, outcome);
    const rule = fleet.ruleOf(boot);
    if (rule !== undefined) countOne(rules, rule);
    if (!perNode || node === undefined) continue;
    ofNodes.push(sample('slipway_node_up', { node, image }, outcome === 'up' ? 1 : 0));
    ofNodes.push(sample('slipway_node_boot_timestamp_seconds', { node }, began / 1000));
  }
  return [
    sample('slipway_nodes', {}, config.nodes.length),
    ...[...outcomes].map(([outcome, count]) => sample('slipway_machines', { outcome }, count)),
    ...[...rules].map(([rule, count]) => sample('slipway_machines_stuck', { rule }, count)),
    ...ofNodes,
  ];
}

/** Opens what follows the daemon, for metrics, traces and webhooks. */
export function observe(
  state: () => ServingState,
  options: DaemonOptions & { readonly version: string; readonly store: BootStore | undefined },
): Observer {
  return openObserver({
    ...options,
    config: () => state().config,
    nodeNames: () => knownOf(state().config).nodeNames,
    secret: (source) => readSecret(source, state().config.folder, process.env),
  });
}

/** The metrics as `/metrics` has them; undefined where they are off. */
export async function metricsOf(
  observer: Observer,
  state: ServingState,
  fleet: FleetMemory,
): Promise<string | undefined> {
  if (state.config.server.metrics === false) return undefined;
  const taken = await Promise.all([machineSamples(state, fleet), versionSamples(state)]);
  return await observer.metrics([...taken.flat(), sample('slipway_http_workers', {}, workerCount())]);
}
