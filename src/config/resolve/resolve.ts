import { resolve as resolvePath } from 'node:path';
import { bySpecificity } from '../../model/machine/criteria.ts';
import type { Mac } from '../../model/machine/mac.ts';
import type { Config } from '../../model/settings/config.ts';
import type { Action, Node } from '../../model/settings/node.ts';
import { NodeIndex } from '../../model/settings/node-index.ts';
import type { ConfigFile, NodeSection } from '../schema.ts';
import { toImage } from './image.ts';
import { last, toLayer } from './layers.ts';
import { chosenSettings, LayeredNode, ruleLayers, toRule, unknownLayers } from './machines.ts';
import { toTraces, toWebhooks } from './observe.ts';
import { toServer, toState } from './server.ts';
import { byDefault, resolveSettings, type Shared } from './settings.ts';

const IGNORE = byDefault<Action>('ignore');

/** Two sections with the same key make nodes with the same settings; {@link Config.representatives}. */
function settingsKey({ vars, ...section }: NodeSection): string {
  const { mac: _, hostname: _hostname, args: _args, match: _match, labels: _labels, ...other } = section;
  const { configuration, ...rest } = other;
  const names = Object.entries(vars ?? {}).map(([name, value]) => (value === false ? `!${name}` : name));
  return JSON.stringify([rest, names, configuration?.files]);
}

/** Nodes that are resolved at a time. */
const LOT = 200;

/**
 * Makes the configuration of a valid file: fills in defaults, merges layers, and notes the origin of each setting.
 * References to missing entries count as absent; `check.ts` has reported them.
 *
 * @param baseDir the base of relative paths
 * @yields now and then, each after about a millisecond of work
 */
export function* resolving(file: ConfigFile, baseDir: string): Generator<undefined, Config> {
  const images = Object.entries(file.images ?? {}).map(([name, section]) => {
    const from = `images.${name}`;
    const image = toImage(name, section);
    const method = { value: image.root.method, from: `${from}.root.method` };
    return [name, { image, method, layer: toLayer(from, section) }] as const;
  });
  const profiles = new Map(
    Object.entries(file.profiles ?? {}).map(([name, section]) => [name, toLayer(`profiles.${name}`, section ?? {})]),
  );
  const ruled = Object.entries(file.rules ?? {});
  const shared: Shared = {
    images: new Map(images),
    profiles,
    rules: new Map(ruled.map(([name, section]) => [name, ruleLayers(profiles, name, section)])),
    base: file.configuration ? [toLayer('', { configuration: file.configuration })] : [],
  };
  const strangers = unknownLayers(shared, file.unknown);
  const rules = ruled
    .map(([name, section]) => toRule(shared, name, section))
    .sort((a, b) => bySpecificity(a.criteria, b.criteria));
  const nodes: Node[] = [];
  const byName = new Map<string, LayeredNode>();
  const byMac = new Map<Mac, Node>();
  const index = new NodeIndex();
  const representatives = new Map<string, Node>();
  for (const [name, section] of Object.entries(file.nodes ?? {})) {
    const node = new LayeredNode(shared, name, section);
    nodes.push(node);
    byName.set(name, node);
    for (const mac of node.macs) byMac.set(mac, node);
    index.add(node);
    const key = settingsKey(section);
    if (!representatives.has(key)) representatives.set(key, node);
    if (nodes.length % LOT === 0) yield;
  }
  return {
    server: toServer(file.server, baseDir),
    artifacts: resolvePath(baseDir, file.artifacts ?? './artifacts'),
    templates: file.templates === undefined ? undefined : resolvePath(baseDir, file.templates),
    state: toState(file.state, baseDir),
    api: {
      tokens: file.api?.tokens === false ? false : resolvePath(baseDir, file.api?.tokens ?? './slipway.tokens'),
      read: file.api?.read ?? 'any',
    },
    traces: toTraces(file.traces),
    webhooks: toWebhooks(file.webhooks),
    stores: file.stores ?? {},
    nodes,
    byMac,
    index,
    rules,
    representatives: [...representatives.values()],
    // The action of a profile is for nodes; only the rule decides here.
    unknown: resolveSettings(shared, strangers, last(strangers.slice(-1), 'action') ?? IGNORE),
    folder: baseDir,
    images: [...shared.images.keys()],
    choose: ({ node, rule }, image) => {
      const lower = rule ? (shared.rules.get(rule.name) ?? []) : [];
      const own = node && byName.get(node.name);
      const layers = own ? own.layersOn(lower) : rule ? lower : strangers;
      return chosenSettings(shared, layers, image);
    },
    missing: [],
  };
}

/** {@link resolving} in one go. */
export function resolveConfig(file: ConfigFile, baseDir: string): Config {
  const steps = resolving(file, baseDir);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}
