import { hasCloudInit, ROOT_ARGUMENTS } from '../configuration/documents.ts';
import { maskSecrets, mergeConfiguration } from '../configuration/merge.ts';
import type { Verity } from '../files/verity.ts';
import { hyphenated, type Mac } from '../machine/mac.ts';
import type { Match } from '../settings/config.ts';
import type { Menu, OnFailure, Variable } from '../settings/node.ts';
import { baseUrl, type ServerIdentity } from '../settings/server.ts';
import { type PlannedMemory, plannedMemory } from './fit/planned-memory.ts';
import type { Image, Root, Source } from './image.ts';
import { ROOT_FILES } from './root-kind.ts';
import { hasDocument, rootArgs, rootMethodOf } from './root-methods/methods.ts';

/** One version of a file, named by its content. */
export interface Pin {
  /** SHA-256, 64 lower-case hex digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** The root of its hash tree, for files that nodes read on demand. */
  readonly verity?: Verity;
}

/** The current versions of the artifacts that a plan names, by {@link RequiredFile.path}. */
export type Pins = ReadonlyMap<string, Pin>;

/** A file that a node fetches. Digest and length are known for artifacts only. */
export interface Download {
  readonly url: string;
  readonly name: string;
  readonly sha256: string | null;
  /** Length of the file. */
  readonly bytes: number | null;
}

/** The root with its source replaced by what the node fetches; only the method where there is none. */
export type PlannedRoot = { readonly [key: string]: unknown; readonly method: string } & Partial<Download>;

/** What the kernel line says of the system's configuration. */
export interface PlannedConfiguration {
  /** The root of its documents, without a slash at the end; null where there are none. */
  readonly url: string | null;
  /** Whether cloud-init is to fetch its documents. */
  readonly nocloud: boolean;
  /** Whether the initrd is to place them. */
  readonly seed: boolean;
  readonly ignition: boolean;
}

/** The variables of a script template. Absent ones are null. */
export interface BootPlan {
  readonly server: { readonly address: string; readonly url: string };
  readonly mac: Mac;
  readonly node: { readonly name: string | null; readonly hostname: string | null };
  readonly image: string | null;
  readonly kernel: Download | null;
  readonly initrds: readonly Download[];
  readonly root: PlannedRoot;
  /** The kernel arguments of the root method. */
  readonly root_args: readonly string[];
  readonly args: readonly string[];
  readonly vars: Readonly<Record<string, Variable>>;
  readonly on_failure: OnFailure;
  /** What may be chosen on the screen; null but for the template `menu`. */
  readonly menu: Menu | null;
  /** What the boot needs at the very least, MiB. */
  readonly memory: PlannedMemory;
  /** Where the initrd and the system report on this boot. */
  readonly report_url: string;
  /** Where the system gets its configuration, and which there is. */
  readonly configuration: PlannedConfiguration;
  /** The URL of this script. */
  readonly script_url: string;
}

/**
 * A file whose version a plan needs, in the form in which the node gets it: the `file` as it is; with the hash `tree` of
 * its blocks; as an `archive` in the order of unpacking; or the archive of the built `image` of that name.
 */
export interface RequiredFile {
  /** Below the artifacts folder; for an image `oci:NAME`. */
  readonly path: string;
  readonly form: 'file' | 'tree' | 'archive' | 'image';
  /** The label of the image to run, in an archive. */
  readonly label?: string;
}

const keyOf = (source: Exclude<Source, { readonly kind: 'url' }>): string =>
  source.kind === 'image' ? `oci:${source.name}` : source.path;

function needed(source: Source, root?: Root): readonly RequiredFile[] {
  if (source.kind === 'url') return [];
  const path = keyOf(source);
  if (source.kind === 'image') return [{ path, form: 'image' }];
  const form = root ? rootMethodOf(root.method).form : 'file';
  if (form === 'document') return [];
  return [form === 'archive' ? { path, form, label: String(root?.label ?? 'latest') } : { path, form }];
}

/** The artifacts whose pins {@link planBoot} needs, each once. */
export function requiredFiles(match: Match): readonly RequiredFile[] {
  const image = match.settings.image?.value;
  if (!image) return [];
  const { kernel, initrd, root } = image;
  const all = [kernel, ...initrd].flatMap((source) => needed(source));
  if (root.source) all.push(...needed(root.source, root));
  return [...new Map(all.map((each) => [each.path, each])).values()];
}

/** The key of the pin of the machine's own document, for root methods of that form. */
export const DOCUMENT = 'document:';

/** The place of the boot's token in a rendered script, which serves many boots; as a token it is unknown. */
export const NO_TOKEN = '0'.repeat(32);

/** Percent-encodes what a blank, a quote or a `#` would break on a kernel command line and in an iPXE script. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replace(/['()*!]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function download(source: Source, pins: Pins, base: string): Download {
  if (source.kind === 'url') {
    const name = source.url.replace(/[?#].*$/, '').replace(/.*\//, '');
    return { url: source.url, name, sha256: null, bytes: null };
  }
  const path = keyOf(source);
  const pin = pins.get(path);
  if (!pin) throw new Error(`no pin for artifact ${path}`);
  const name = source.kind === 'image' ? ROOT_FILES.oci : path.replace(/.*\//, '');
  return { url: `${base}/blobs/sha256/${pin.digest}/${encodeName(name)}`, name, sha256: pin.digest, bytes: pin.size };
}

/** The address and the hash tree of a root that is read on demand. */
function onDemand(source: Source, pins: Pins, { address, nbdPort = 10809 }: ServerIdentity) {
  const pin = source.kind === 'artifact' ? pins.get(source.path) : undefined;
  if (!pin?.verity) throw new Error('no hash tree for the root');
  const { rootHash, blocks } = pin.verity;
  return { nbd: `${address}:${nbdPort}/${pin.digest}`, verity: `${rootHash}:${blocks}` };
}

function plannedRoot(image: Image | undefined, pins: Pins, server: ServerIdentity, mac: Mac): PlannedRoot {
  const { source, ...rest } = image?.root ?? { method: 'none' };
  if (hasDocument(rest.method)) {
    const url = `${baseUrl(server)}/containers/${hyphenated(mac)}/${NO_TOKEN}`;
    return { ...rest, url, sha256: pins.get(DOCUMENT)?.digest ?? null };
  }
  if (!source) return rest;
  const more = rootMethodOf(rest.method).form === 'tree' ? onDemand(source, pins, server) : {};
  return { ...rest, ...download(source, pins, baseUrl(server)), ...more };
}

/** Only nodes have a configuration: anybody can make up an address. */
function plannedConfiguration({ node, settings }: Match, base: string): PlannedConfiguration {
  const merged = node && settings.configuration ? mergeConfiguration(settings.configuration) : {};
  const [cloudInit, ignition] = [hasCloudInit(merged), Boolean(merged.ignition)];
  const seed = cloudInit && merged.place === 'initrd';
  const url = cloudInit || ignition || merged.files ? `${base}/configuration/${NO_TOKEN}` : null;
  return { url, nocloud: cloudInit && !seed, seed, ignition };
}

/**
 * Resolves what one machine boots into URLs, digests and arguments.
 * @param query what its script's URL has behind the path, from the `?` on
 * @param unpacked bytes of the tree in the image's build, if it is one
 * @throws if a pin is missing for one of {@link requiredFiles}
 */
export function planBoot(match: Match, pins: Pins, server: ServerIdentity, query = '', unpacked?: number): BootPlan {
  const { settings, node, mac } = match;
  const base = baseUrl(server);
  const image = settings.image?.value;
  const root = plannedRoot(image, pins, server, mac);
  const args = settings.args.map(({ value }) => value);
  const initrds = image ? image.initrd.map((source) => download(source, pins, base)) : [];
  const initrdBytes = initrds.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  return {
    server: { address: server.address, url: base },
    mac,
    node: { name: node?.name ?? null, hostname: node?.hostname.value ?? null },
    image: image?.name ?? null,
    kernel: image ? download(image.kernel, pins, base) : null,
    initrds,
    root: maskSecrets(root),
    root_args: rootArgs(root, args, node && `${base}/configuration/${NO_TOKEN}/${ROOT_ARGUMENTS}`),
    args,
    vars: Object.fromEntries(Object.entries(settings.vars).map(([name, { value }]) => [name, value])),
    on_failure: settings.onFailure.value,
    memory: plannedMemory(match, root.bytes ?? undefined, initrdBytes, unpacked),
    report_url: `${base}/report/${NO_TOKEN}`,
    configuration: plannedConfiguration(match, base),
    menu: settings.menu?.value ?? null,
    script_url: `${base}/ipxe/${hyphenated(mac)}${query}`,
  };
}

/** A match for the script that shows its menu: by the template `menu`, with no image. */
export function showingMenu(match: Match): Match {
  const { image: _, ...settings } = match.settings;
  return { ...match, settings: { ...settings, template: { value: 'menu', from: settings.action.from } } };
}
