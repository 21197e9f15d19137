import { resolve as resolvePath } from 'node:path';
import type { EfiBinary } from '../model/boot/boot-file.ts';
import { parseMemory } from '../model/boot/fit/memory.ts';
import type { Image, RolloutSettings, Root, Source } from '../model/boot/image.ts';
import { rootMethodOf } from '../model/boot/root-methods/methods.ts';
import { isUrl } from '../model/boot/yaml-shapes.ts';
import type { ConfigurationSection } from '../model/configuration/merge.ts';
import { LOCAL } from '../model/fleet/next/next-boot.ts';
import type { Architecture } from '../model/machine/architecture.ts';
import { bySpecificity, type Criteria, type Labels } from '../model/machine/criteria.ts';
import { type Mac, parseMac } from '../model/machine/mac.ts';
import type { Config } from '../model/settings/config.ts';
import type {
  Action,
  BootSettings,
  Discovery,
  Menu,
  NamedFirmware,
  Node,
  Once,
  OnFailure,
  Rule,
  Sourced,
  Variable,
} from '../model/settings/node.ts';
import { NodeIndex } from '../model/settings/node-index.ts';
import { anyRoot, sourcesOf } from './builds.ts';
import { toInterfaces } from './interfaces.ts';
import { criteriaOf } from './machines/criteria-of.ts';
import type { ConfigFile, ImageSection, NodeSection, RootSection, RuleSection } from './schema.ts';

/** The common part of an image, a profile and a node. */
interface Section {
  readonly action?: Action | undefined;
  readonly image?: string | number | undefined;
  readonly boot?: { readonly once: string | number; readonly then?: string | number | undefined } | undefined;
  readonly menu?: MenuSection | null | undefined;
  readonly template?: string | number | undefined;
  readonly ipxe?: 'snponly.efi' | 'ipxe.efi' | undefined;
  readonly discovery?: 'binl' | 'bypass' | undefined;
  readonly firmware?: NamedFirmware | undefined;
  readonly arch?: Architecture | undefined;
  readonly memory?: string | number | undefined;
  readonly on_failure?: { action?: 'shell' | 'reboot' | undefined; after?: number | undefined } | null | undefined;
  readonly args?: readonly (string | number)[] | null | undefined;
  readonly vars?: Readonly<Record<string, Variable>> | null | undefined;
  readonly configuration?: ConfigurationSection | null | undefined;
}

interface MenuSection {
  readonly images?: readonly (string | number)[] | undefined;
  readonly local?: boolean | undefined;
  readonly default?: string | number | undefined;
  readonly timeout?: number | undefined;
}

/** A section, with its arguments and variables converted once for all nodes that share it. */
interface Layer {
  /** The section's path: `profiles.compute`. */
  readonly from: string;
  readonly section: Section;
  readonly args: readonly Sourced<string>[];
  readonly vars: Readonly<Record<string, Sourced<Variable>>>;
}

const list = <T>(value: T | readonly T[] | null | undefined): readonly T[] =>
  value === null || value === undefined ? [] : Array.isArray(value) ? value : [value as T];

function toSource(text: string): Source {
  if (isUrl(text)) return { kind: 'url', url: text };
  if (text.startsWith('oci:')) return { kind: 'image', name: text.slice(4) };
  const steps = text.split('/').filter((step) => step !== '' && step !== '.');
  return { kind: 'artifact', path: steps.join('/') };
}

function toRoot({ method, source, ...given }: RootSection): Root {
  const { keys } = rootMethodOf(method);
  const values = Object.entries(keys).map(([key, { default: byDefault }]) => {
    const value = given[key] ?? byDefault;
    // Text that YAML has taken for a number: no key is one.
    return [key, typeof value === 'number' ? String(value) : value];
  });
  return { method, ...(source !== undefined && { source: toSource(source) }), ...Object.fromEntries(values) };
}

/** The possible roots of an image: one, unless the files of a build decide. */
function toRoots({ build, root }: ImageSection): readonly Root[] {
  if (build === undefined) return [toRoot(root ?? { method: 'none' })];
  const name = String(build);
  if (!root) return anyRoot(name).map(toRoot);
  if (root.source === undefined) return [toRoot(root)];
  return sourcesOf(name, root.method, root.source).map((source) => toRoot({ ...root, source }));
}

function toRollout({ canary, then = '100%', within = 900 }: NonNullable<ImageSection['rollout']>): RolloutSettings {
  return { canary, part: Number(then.slice(0, -1)), within };
}

function toImage(name: string, section: ImageSection): Image {
  const roots = toRoots(section);
  const { build } = section;
  return {
    name,
    kernel: toSource(section.kernel),
    initrd: list(section.initrd).map(toSource),
    root: roots[0] ?? { method: 'none' },
    ...(section.rollout && { rollout: toRollout(section.rollout) }),
    ...(section.keep_last_good && { keepLastGood: true }),
    ...(build === undefined ? {} : { build: { name: String(build), roots } }),
  };
}

function toLayer(from: string, section: Section): Layer {
  const vars: Record<string, Sourced<Variable>> = {};
  for (const [name, value] of Object.entries(section.vars ?? {})) vars[name] = { value, from: `${from}.vars.${name}` };
  const args = (section.args ?? []).map((arg, i) => ({ value: String(arg), from: `${from}.args[${i}]` }));
  return { from, section, args, vars };
}

/** The setting of the last layer that has it. */
function last<K extends keyof Section>(layers: readonly Layer[], key: K): Sourced<NonNullable<Section[K]>> | undefined {
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i];
    const value = layer?.section[key];
    if (layer && value !== null && value !== undefined) return { value, from: `${layer.from}.${key}` };
  }
  return undefined;
}

const asText = ({ value, from }: Sourced<string | number>): Sourced<string> => ({ value: String(value), from });
const byDefault = <T>(value: T): Sourced<T> => ({ value, from: 'default' });

const BOOT = byDefault<Action>('boot');
const IGNORE = byDefault<Action>('ignore');
const LOCAL_TEMPLATE = byDefault('local');
const REBOOT = byDefault<OnFailure>({ action: 'reboot', after: 60 });
const SNPONLY = byDefault<EfiBinary>('snponly.efi');
const BINL = byDefault<Discovery>('binl');

/** The images and profiles of the file, which nodes build on. */
interface Shared {
  readonly images: ReadonlyMap<
    string,
    { readonly image: Image; readonly layer: Layer; readonly method: Sourced<string> }
  >;
  readonly profiles: ReadonlyMap<string, Layer>;
  /** The file's own `configuration:`, which is for nodes alone. */
  readonly base: readonly Layer[];
}

function toOnFailure(found: Sourced<NonNullable<Section['on_failure']>>): Sourced<OnFailure> {
  const { action = REBOOT.value.action, after = REBOOT.value.after } = found.value;
  return { value: { action, after }, from: found.from };
}

/** Merges layers: the image, each profile, then the node or the rule for unknown machines. */
function resolveSettings(shared: Shared, upper: readonly Layer[], given?: Sourced<Action>): BootSettings {
  const menuSection = last(upper, 'menu');
  const action = given ?? (menuSection ? { value: 'menu' as const, from: menuSection.from } : BOOT);
  const boots = action.value === 'boot' || action.value === 'menu';
  const boot = action.value === 'boot' ? last(upper, 'boot') : undefined;
  const once = boot && { value: toOnce(boot.value), from: boot.from };
  const named = boots
    ? (last(upper, 'image') ?? (once && { value: once.value.once, from: `${once.from}.once` }))
    : undefined;
  const found = named && shared.images.get(String(named.value));
  const layers = found ? [found.layer, ...upper] : upper;
  // A template for booting does not apply to a machine that a more specific layer sends to its local disk.
  const speaking = boots ? layers : layers.slice(layers.findIndex(({ from }) => action.from === `${from}.action`));
  const template = last(speaking, 'template');
  const onFailure = last(layers, 'on_failure');
  const firmware = last(layers, 'firmware');
  const arch = last(layers, 'arch');
  const memory = last(layers, 'memory');
  const configuration = layers.flatMap(({ from, section: { configuration: value } }) =>
    value ? [{ value, from: from === '' ? 'configuration' : `${from}.configuration` }] : [],
  );
  return {
    action,
    ...(named && found ? { image: { value: found.image, from: named.from } } : {}),
    template: template ? asText(template) : (found?.method ?? LOCAL_TEMPLATE),
    args: layers.flatMap(({ args }) => args),
    vars: Object.assign({}, ...layers.map(({ vars }) => vars)),
    onFailure: onFailure ? toOnFailure(onFailure) : REBOOT,
    ipxe: last(layers, 'ipxe') ?? SNPONLY,
    discovery: last(layers, 'discovery') ?? BINL,
    ...(firmware ? { firmware } : {}),
    ...(once && { once }),
    ...(configuration.length > 0 && { configuration }),
    ...(action.value === 'menu' && { menu: toMenu(shared, menuSection, found?.image.name, action.from) }),
    ...(arch ? { arch } : {}),
    ...(memory ? { memory: { value: parseMemory(String(memory.value)) ?? 0, from: memory.from } } : {}),
  };
}

function toOnce({ once, then = LOCAL }: NonNullable<Section['boot']>): Once {
  return { once: String(once), afterwards: String(then) };
}

/** @param image what the machine would boot without a menu */
function toMenu(
  { images: all }: Shared,
  section: Sourced<MenuSection> | undefined,
  image: string | undefined,
  from: string,
): Sourced<Menu> {
  const { images = [...all.keys()], local = true, timeout = 30 } = section?.value ?? {};
  const names = images.map(String);
  const standard = image !== undefined && names.includes(image) ? image : local ? LOCAL : (names[0] ?? LOCAL);
  const value = { images: names, local, default: String(section?.value.default ?? standard), timeout };
  return { value, from: section?.from ?? from };
}

/**
 * A node whose settings are merged whenever they are read. So ten thousand nodes load quickly, and take little more
 * memory than their text in the file.
 */
class LayeredNode implements Node {
  readonly name: string;
  readonly hostname: Sourced<string>;
  readonly macs: readonly Mac[];
  readonly criteria: Criteria | undefined;
  readonly labels: Labels;
  readonly profiles: readonly string[];
  private readonly section: NodeSection;
  private readonly shared: Shared;

  constructor(shared: Shared, name: string, section: NodeSection) {
    const from = `nodes.${name}`;
    const { hostname } = section;
    this.name = name;
    this.hostname =
      hostname === undefined ? { value: name, from } : { value: String(hostname), from: `${from}.hostname` };
    this.macs = list(section.mac).flatMap((mac) => parseMac(String(mac)) ?? []);
    this.criteria = section.match && criteriaOf(section.match);
    this.labels = section.labels ? toLabels(section.labels) : NO_LABELS;
    this.profiles = list(section.profile).map(String);
    this.section = section;
    this.shared = shared;
  }

  get settings(): BootSettings {
    return this.settingsOn([]);
  }

  settingsWith(rule: Rule): BootSettings {
    return this.settingsOn(rule instanceof LayeredRule ? rule.layers : []);
  }

  private settingsOn(lower: readonly Layer[]): BootSettings {
    const upper = this.layersOn(lower);
    return resolveSettings(this.shared, upper, last(upper, 'action'));
  }

  /** Its layers on top of others. */
  layersOn(lower: readonly Layer[]): readonly Layer[] {
    const { shared, section } = this;
    const upper = [...shared.base, ...lower, ...this.profiles.flatMap((profile) => shared.profiles.get(profile) ?? [])];
    upper.push(toLayer(`nodes.${section.range ?? this.name}`, section));
    return upper;
  }
}

/** A rule with its layers, for the nodes that it matches. */
class LayeredRule implements Rule {
  readonly name: string;
  readonly criteria: Criteria;
  readonly settings: BootSettings;
  readonly layers: readonly Layer[];

  constructor(shared: Shared, name: string, section: RuleSection) {
    const profiles = list(section.profile).flatMap((profile) => shared.profiles.get(String(profile)) ?? []);
    this.layers = [...profiles, toLayer(`rules.${name}`, section)];
    this.name = name;
    this.criteria = criteriaOf(section.match);
    this.settings = resolveSettings(shared, this.layers, last(this.layers, 'action'));
  }
}

const NO_LABELS: Labels = {};

function toLabels(section: NonNullable<NodeSection['labels']>): Labels {
  return Object.fromEntries(Object.entries(section).map(([name, value]) => [name, String(value)]));
}

function unknownLayers(shared: Shared, section: ConfigFile['unknown']): readonly Layer[] {
  const profiles = list(section?.profile).flatMap((profile) => shared.profiles.get(String(profile)) ?? []);
  const { action, image, firmware, menu } = section ?? {};
  return [...profiles, toLayer('unknown', { action, image, firmware, menu })];
}

/** The settings of a machine that boots something else than its layers say. */
function chosenSettings(shared: Shared, layers: readonly Layer[], image: string): BootSettings | undefined {
  const action: Sourced<Action> = { value: image === LOCAL ? 'local' : 'boot', from: 'chosen.action' };
  if (image !== LOCAL && !shared.images.has(image)) return undefined;
  const { once: _, ...settings } = resolveSettings(
    shared,
    [...layers, toLayer('chosen', { action: action.value, image })],
    action,
  );
  return settings;
}

function toHttp(http: NonNullable<ConfigFile['server']>['http']): Config['server']['http'] {
  if (http === false) return false;
  const { port = 8080, workers, sendfile, buffer_memory: bufferMemory, url } = http ?? {};
  const perAddress = http?.connections_per_address;
  return { port, workers, sendfile, bufferMemory, perAddress, url: url?.replace(/\/$/, '') };
}

function toServer(server: ConfigFile['server'], baseDir: string): Config['server'] {
  const port = (service: { port?: number | undefined } | false | null | undefined, standard: number) =>
    service === false ? (false as const) : { port: service?.port ?? standard };
  return {
    registry: server?.registry ?? false,
    interface: server?.interface,
    address: server?.address,
    interfaces: server?.interfaces && toInterfaces(server.interfaces),
    listen: server?.listen ?? 'served',
    http: toHttp(server?.http),
    tftp: port(server?.tftp, 69),
    nbd: port(server?.nbd, 10809),
    dhcp: { mode: server?.dhcp === false ? 'off' : (server?.dhcp?.mode ?? 'proxy') },
    ipxe: server?.ipxe === undefined ? undefined : resolvePath(baseDir, server.ipxe),
  };
}

/** Two sections with the same key make nodes with the same settings; {@link Config.representatives}. */
function settingsKey({ vars, ...section }: NodeSection): string {
  const { mac: _, hostname: _hostname, args: _args, match: _match, labels: _labels, ...other } = section;
  const { configuration, ...rest } = other;
  const names = Object.entries(vars ?? {}).map(([name, value]) => (value === false ? `!${name}` : name));
  return JSON.stringify([rest, names, configuration?.files]);
}

function toState(state: ConfigFile['state'], baseDir: string): Config['state'] {
  if (state === false || state?.includes('://')) return state;
  return resolvePath(baseDir, state ?? './slipway.db');
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
  const profiles = Object.entries(file.profiles ?? {}).map(
    ([name, section]) => [name, toLayer(`profiles.${name}`, section ?? {})] as const,
  );
  const base = file.configuration ? [toLayer('', { configuration: file.configuration })] : [];
  const shared: Shared = { images: new Map(images), profiles: new Map(profiles), base };
  const strangers = unknownLayers(shared, file.unknown);
  const rules = Object.entries(file.rules ?? {})
    .map(([name, section]) => new LayeredRule(shared, name, section))
    .sort((a, b) => bySpecificity(a.criteria, b.criteria));
  const ruleLayers = new Map(rules.map(({ name, layers }) => [name, layers]));
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
      const lower = rule ? (ruleLayers.get(rule.name) ?? []) : [];
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
