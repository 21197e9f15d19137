import { resolve as resolvePath } from 'node:path';
import type { Config } from '../model/config.ts';
import type { Image, Root, Source } from '../model/image.ts';
import { type Mac, parseMac } from '../model/mac.ts';
import type { Action, BootSettings, Node, OnFailure, Sourced, Variable } from '../model/node.ts';
import { type ConfigFile, type ImageSection, isUrl, type RootSection } from './schema.ts';

/** What image, profile and node may each say; `from` is the place of the section: `profiles.compute`. */
interface Layer {
  readonly from: string;
  readonly action?: Action | undefined;
  readonly image?: string | number | undefined;
  readonly template?: string | number | undefined;
  readonly ipxe?: 'snponly.efi' | 'ipxe.efi' | undefined;
  readonly discovery?: 'binl' | 'bypass' | undefined;
  readonly on_failure?: { action?: 'shell' | 'reboot' | undefined; after?: number | undefined } | null | undefined;
  readonly args?: readonly (string | number)[] | null | undefined;
  readonly vars?: Readonly<Record<string, Variable>> | null | undefined;
}

/** A layer whose lists are made once, however many nodes share it. */
interface Prepared {
  readonly layer: Layer;
  readonly args: readonly Sourced<string>[];
  readonly vars: readonly (readonly [string, Sourced<Variable>])[];
}

const REBOOT: OnFailure = { action: 'reboot', after: 60 };

const list = <T>(value: T | readonly T[] | null | undefined): readonly T[] =>
  value === null || value === undefined ? [] : Array.isArray(value) ? value : [value as T];

function toSource(text: string): Source {
  if (isUrl(text)) return { kind: 'url', url: text };
  const steps = text.split('/').filter((step) => step !== '' && step !== '.');
  return { kind: 'artifact', path: steps.join('/') };
}

function toRoot(root: RootSection): Root {
  switch (root.method) {
    case 'bootc-live':
      return { method: root.method, source: toSource(root.source), label: String(root.label ?? 'latest') };
    case 'container-root':
      return { method: root.method, source: toSource(root.source), size: String(root.size ?? '50%') };
    case 'live':
      return { method: root.method, source: toSource(root.source) };
    case 'none':
      return { method: root.method };
  }
}

function toImage(name: string, section: ImageSection): Image {
  return {
    name,
    kernel: toSource(section.kernel),
    initrd: list(section.initrd).map(toSource),
    root: toRoot(section.root ?? { method: 'none' }),
  };
}

function prepare(layer: Layer): Prepared {
  const { from } = layer;
  return {
    layer,
    args: (layer.args ?? []).map((arg, i) => ({ value: String(arg), from: `${from}.args[${i}]` })),
    vars: Object.entries(layer.vars ?? {}).map(([name, value]) => [name, { value, from: `${from}.vars.${name}` }]),
  };
}

/** The setting of the last layer that has it. */
function last<K extends keyof Layer>(layers: readonly Prepared[], key: K): Sourced<NonNullable<Layer[K]>> | undefined {
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i]?.layer;
    const value = layer?.[key];
    if (layer && value !== null && value !== undefined) return { value, from: `${layer.from}.${key}` };
  }
  return undefined;
}

const asText = ({ value, from }: Sourced<string | number>): Sourced<string> => ({ value: String(value), from });
const byDefault = <T>(value: T): Sourced<T> => ({ value, from: 'default' });

/** The images and profiles of the file, ready to be put under nodes. */
interface Shared {
  readonly images: ReadonlyMap<string, { readonly image: Image; readonly prepared: Prepared }>;
  readonly profiles: ReadonlyMap<string, Prepared>;
}

/** Puts layers over each other: the image, each profile, then the node or the rule for unknown machines. */
function resolveSettings(shared: Shared, upper: readonly Prepared[], action: Sourced<Action>): BootSettings {
  const boots = action.value === 'boot';
  const named = boots ? last(upper, 'image') : undefined;
  const found = named && shared.images.get(String(named.value));
  const layers = found ? [found.prepared, ...upper] : upper;
  // A template for booting says nothing of a machine that a more special layer has go on from its disk.
  const speaking = boots
    ? layers
    : layers.slice(layers.findIndex(({ layer }) => action.from === `${layer.from}.action`));
  const template = last(speaking, 'template');
  const onFailure = last(layers, 'on_failure');
  return {
    action,
    ...(named && found ? { image: { value: found.image, from: named.from } } : {}),
    template: template
      ? asText(template)
      : found
        ? { value: found.image.root.method, from: `images.${found.image.name}.root.method` }
        : byDefault('local'),
    args: layers.flatMap(({ args }) => args),
    vars: Object.fromEntries(layers.flatMap(({ vars }) => vars)),
    onFailure: onFailure
      ? {
          value: { action: onFailure.value.action ?? REBOOT.action, after: onFailure.value.after ?? REBOOT.after },
          from: onFailure.from,
        }
      : byDefault(REBOOT),
    ipxe: last(layers, 'ipxe') ?? byDefault('snponly.efi'),
    discovery: last(layers, 'discovery') ?? byDefault('binl'),
  };
}

function toNode(shared: Shared, name: string, section: NonNullable<ConfigFile['nodes']>[string]): Node {
  const profiles = list(section.profile).map(String);
  const upper = profiles.flatMap((profile) => shared.profiles.get(profile) ?? []);
  upper.push(prepare({ ...section, from: `nodes.${name}` }));
  return {
    name,
    hostname:
      section.hostname === undefined
        ? { value: name, from: `nodes.${name}` }
        : { value: String(section.hostname), from: `nodes.${name}.hostname` },
    macs: list(section.mac).flatMap((mac) => parseMac(String(mac)) ?? []),
    profiles,
    settings: resolveSettings(shared, upper, last(upper, 'action') ?? byDefault('boot')),
  };
}

function toUnknown(shared: Shared, section: ConfigFile['unknown']): BootSettings {
  const upper = list(section?.profile).flatMap((profile) => shared.profiles.get(String(profile)) ?? []);
  upper.push(prepare({ from: 'unknown', action: section?.action, image: section?.image }));
  const action: Sourced<Action> = section?.action
    ? { value: section.action, from: 'unknown.action' }
    : byDefault('ignore');
  return resolveSettings(shared, upper, action);
}

function toServer(server: ConfigFile['server'], baseDir: string): Config['server'] {
  const port = (service: { port?: number | undefined } | false | null | undefined, standard: number) =>
    service === false ? (false as const) : { port: service?.port ?? standard };
  return {
    interface: server?.interface,
    address: server?.address,
    http: port(server?.http, 8080),
    tftp: port(server?.tftp, 69),
    dhcp: { mode: server?.dhcp?.mode ?? 'proxy' },
    ipxe: server?.ipxe === undefined ? undefined : resolvePath(baseDir, server.ipxe),
  };
}

/**
 * Makes the configuration of a file without faults: defaults filled in, layers put over each other, and the origin of
 * each setting noted. Names that do not exist must have been found before, by `check.ts`; here they count as absent.
 *
 * @param baseDir what relative folders are relative to
 */
export function resolveConfig(file: ConfigFile, baseDir: string): Config {
  const images = Object.entries(file.images ?? {}).map(([name, section]) => {
    const prepared = prepare({ ...section, from: `images.${name}` });
    return [name, { image: toImage(name, section), prepared }] as const;
  });
  const profiles = Object.entries(file.profiles ?? {}).map(
    ([name, section]) => [name, prepare({ ...section, from: `profiles.${name}` })] as const,
  );
  const shared: Shared = { images: new Map(images), profiles: new Map(profiles) };
  const nodes = Object.entries(file.nodes ?? {}).map(([name, section]) => toNode(shared, name, section));
  const byMac = new Map<Mac, Node>();
  for (const node of nodes) for (const mac of node.macs) byMac.set(mac, node);
  return {
    server: toServer(file.server, baseDir),
    artifacts: resolvePath(baseDir, file.artifacts ?? './artifacts'),
    templates: file.templates === undefined ? undefined : resolvePath(baseDir, file.templates),
    nodes,
    byMac,
    unknown: toUnknown(shared, file.unknown),
  };
}
