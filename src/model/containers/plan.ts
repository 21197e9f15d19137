import { parseMemory } from '../boot/fit/memory.ts';
import type { ServerIdentity } from '../settings/server.ts';
import type {
  Cache,
  ContainersDocument,
  End,
  ImageReference,
  Mirror,
  Mount,
  OnStepFailure,
  Step,
  Volume,
} from './document.ts';
import type {
  ContainersSection,
  EndSection,
  MountSection,
  StepSection,
  TextOrSecret,
  VolumeSection,
} from './section.ts';

/** For whom a document is. */
export interface Runner {
  /** The node's name; its MAC address where it has none. */
  readonly node: string;
  readonly server: ServerIdentity;
  /** Whether images of this registry's host are fetched by way of this server. */
  readonly isMirrored: (host: string) => boolean;
}

/** Times that a step with `on_failure: retry` is run anew. */
const RETRIES = 3;

/** The bytes of an amount that the schema has let through. */
const amount = (value: string | number | undefined): number | null =>
  value === undefined ? null : (parseMemory(String(value)) ?? null);

/** The registry's name of a repository: a name of Docker Hub without a slash is one of its own. */
const fullName = (name: string): string => name.replace(/^docker\.io\/([^/]+)$/, 'docker.io/library/$1');

/**
 * An image as the initrd pulls it: from its registry, or by way of this server's own.
 * @param image `docker://HOST[:PORT]/NAME…`, or `oci:NAME` for an image that was built here
 */
export function imageReference(image: string, plainHttp: boolean, { server, isMirrored }: Runner): ImageReference {
  const own = `${server.address}:${server.httpPort}`;
  if (image.startsWith('oci:')) {
    const name = image.slice('oci:'.length);
    return { reference: `${own}/${name}:latest`, name, plain_http: true };
  }
  const name = image.slice('docker://'.length);
  const host = name.slice(0, name.indexOf('/'));
  return isMirrored(host)
    ? { reference: `${own}/${fullName(name)}`, name, plain_http: true }
    : { reference: name, name, plain_http: plainHttp };
}

function toMirror({
  pull = ['start'],
  push = ['end'],
  remove = false,
  exclude = [],
}: NonNullable<VolumeSection['mirror']>): Mirror {
  return { pull, push, remove, exclude };
}

function toVolume(name: string, section: VolumeSection | null): Volume {
  const { place = 'memory', keep = place === 'cache' ? 'always' : 'pipeline', size, luks, mirror } = section ?? {};
  return {
    name,
    place,
    keep,
    size: amount(size),
    luks: luks ? { key: String(luks.key), size: amount(luks.size) ?? 0 } : null,
    mirror: mirror ? toMirror(mirror) : null,
  };
}

function toMount({ volume, host, tmpfs, target, read_only = false }: MountSection): Mount {
  if (volume !== undefined) return { volume: String(volume), target, read_only };
  if (host !== undefined) return { host, target, read_only };
  return { tmpfs: tmpfs === true ? null : amount(tmpfs), target };
}

function toOnFailure(given: StepSection['on_failure'] = 'stop'): OnStepFailure {
  const { action, retries = RETRIES } = typeof given === 'string' ? { action: given } : given;
  return { action, retries: action === 'retry' ? retries : 0 };
}

const texts = (values: readonly (string | number)[] | undefined): readonly string[] | null =>
  values?.map(String) ?? null;
const values = (all: Readonly<Record<string, TextOrSecret>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)]));

function toStep(step: StepSection, runner: Runner): Step {
  return {
    name: String(step.name),
    image: imageReference(step.image, step.plain_http ?? false, runner),
    entrypoint: texts(step.entrypoint),
    command: texts(step.command),
    environment: values(step.environment ?? {}),
    workdir: step.workdir ?? null,
    user: step.user === undefined ? null : String(step.user),
    mounts: (step.mounts ?? []).map(toMount),
    devices: step.devices ?? [],
    network: step.network ?? 'private',
    capabilities: step.capabilities ?? [],
    privileged: step.privileged ?? false,
    systemd: step.systemd ?? false,
    timeout: step.timeout ?? null,
    memory: amount(step.memory),
    on_failure: toOnFailure(step.on_failure),
    background: step.background ?? false,
    always: step.always ?? false,
  };
}

function toCache({ device, allow_format = false, limit }: NonNullable<ContainersSection['cache']>): Cache {
  return { device, allow_format, limit: amount(limit) };
}

function toEnd({ action = 'poweroff', image, after = 0 }: EndSection): End {
  return action === 'kexec' ? { action, image: String(image), after } : { action, after };
}

/**
 * The document of a machine. The same section gives the same bytes as JSON, by whose digest a machine knows it.
 * @param section merged, with its secrets in place
 */
export function documentFor(section: ContainersSection, runner: Runner): ContainersDocument {
  return {
    version: 1,
    node: runner.node,
    clock: section.clock ?? [],
    cache: section.cache ? toCache(section.cache) : null,
    volumes: Object.entries(section.volumes ?? {}).map(([name, volume]) => toVolume(name, volume)),
    steps: (section.steps ?? []).map((step) => toStep(step, runner)),
    end: toEnd(section.end ?? {}),
  };
}

/** The prefix of a mirror's objects, with a slash at its end; empty for the whole bucket. */
export function prefixOf(section: VolumeSection | null | undefined, name: string, node: string): string {
  const prefix = (section?.mirror?.prefix ?? `{node}/${name}`).replaceAll('{node}', node).replace(/^\/+|\/+$/g, '');
  return prefix === '' ? '' : `${prefix}/`;
}
