import { kexecImage, mergeContainers, type StoreSection } from '../containers/section.ts';
import type { Mac } from '../machine/mac.ts';
import type { BootSettings, Node, Rule } from './node.ts';
import type { NodeIndex } from './node-index.ts';
import type { MetricsSettings, TraceSettings, WebhookSettings } from './observe.ts';
import type { RegistrySettings } from './registry.ts';

/** Settings of HTTP. Undefined members get defaults when the server starts. */
export interface HttpSettings {
  readonly port: number;
  /** Processes that answer; 1 is the daemon itself. */
  readonly workers: number | undefined;
  /** Whether files are sent by sendfile(2). */
  readonly sendfile: boolean | undefined;
  /** Limit of the buffers of all downloads together, MiB. */
  readonly bufferMemory: number | undefined;
  /** Connections that one address may have at each process. */
  readonly perAddress: number | undefined;
  /** The root of URLs in place of this server's own address and port, without a slash at the end. */
  readonly url: string | undefined;
}

/** The interface's name without an address label: `eth0` for `eth0:1`. */
export const deviceOf = (name: string): string => name.replace(/:.*/, '');

/** One of several networks that are served. */
export interface ServedInterface {
  readonly interface: string;
  /** IPv4 address, dotted. */
  readonly address: string | undefined;
  /** The root of URLs for its nodes in place of that of HTTP, without a slash at the end. */
  readonly url: string | undefined;
}

/** The `server:` section. Undefined members are looked up on the machine when the server starts. */
export interface ServerSettings {
  /** Whether the dashboard is served at `/`. */
  readonly dashboard: boolean;
  /** What is offered as a registry beside the built images; false where none is. */
  readonly registry: RegistrySettings | false;
  /** What `/metrics` tells; false where it is off. */
  readonly metrics: MetricsSettings | false;
  readonly interface: string | undefined;
  readonly address: string | undefined;
  /** Several interfaces in place of `interface` and `address`; at least one. */
  readonly interfaces: readonly ServedInterface[] | undefined;
  /** The addresses of HTTP, TFTP and NBD: the served ones, or all. */
  readonly listen: 'served' | 'any';
  readonly http: HttpSettings | false;
  readonly tftp: { readonly port: number } | false;
  readonly nbd: { readonly port: number } | false;
  readonly dhcp: { readonly mode: 'proxy' | 'off' };
  /** Absolute path of the user's folder with iPXE binaries, which are preferred. */
  readonly ipxe: string | undefined;
}

/** The `api:` section. */
export interface ApiSettings {
  /** Absolute path of the file of tokens; false for an API that changes nothing. */
  readonly tokens: string | false;
  /** Whether reading needs a token too. */
  readonly read: 'any' | 'token';
}

/** One valid configuration: immutable, replaced whole, read once per request. */
export interface Config {
  readonly server: ServerSettings;
  /** Absolute path of the file's folder, to which the paths of secrets are relative. */
  readonly folder: string;
  /** Absolute path. */
  readonly artifacts: string;
  /** Absolute path. */
  readonly templates: string | undefined;
  /** Absolute path of the file in which boots are kept, or the URL of a database; false for none. */
  readonly state: string | false;
  readonly api: ApiSettings;
  /** Undefined where boots are sent nowhere. */
  readonly traces: TraceSettings | undefined;
  /** By name. */
  readonly webhooks: ReadonlyMap<string, WebhookSettings>;
  /** S3-compatible stores by their names, with secrets as references. */
  readonly stores: Readonly<Record<string, StoreSection>>;
  readonly nodes: readonly Node[];
  readonly byMac: ReadonlyMap<Mac, Node>;
  /** Nodes by other things than their addresses. */
  readonly index: NodeIndex;
  /** The most specific first; those that are equally specific in the order of the file. */
  readonly rules: readonly Rule[];
  /** One node for each set of settings, whose nodes differ only in name, addresses, arguments and values of variables. */
  readonly representatives: readonly Node[];
  /**
   * The settings of a machine that boots something else than its settings say; undefined where there is no such image.
   * @param image an image's name, or `local`
   */
  readonly choose: (
    found: { readonly node?: Node | undefined; readonly rule?: Rule | undefined },
    image: string,
  ) => BootSettings | undefined;
  /** The names of all images. */
  readonly images: readonly string[];
  /** Settings of machines that no node names. */
  readonly unknown: BootSettings;
  /** References to missing images; only the machines of these images cannot boot. */
  readonly missing: readonly Problem[];
}

/** One mistake in a configuration or template: its place, and what was expected instead. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly message: string;
}

/** `FILE:LINE:COLUMN: message`, the form that editors and compilers share. */
export function formatProblem({ file, line, column, message }: Problem): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** The settings for one machine, and the rule that gave them. */
export interface Match {
  readonly mac: Mac;
  /** Absent where no node names the machine. */
  readonly node?: Node;
  /** Absent where no rule fits the machine; with no node either, the `unknown:` rule applies. */
  readonly rule?: Rule;
  readonly settings: BootSettings;
  /** The rule that matched, in words. */
  readonly why: string;
}

/** An address for machines that no node names, where only their settings count; a locally administered one. */
const SAMPLE_MAC = '02:00:00:00:00:00' as Mac;

/** What else a machine may boot than what its settings say first. */
function choicesOf({ once, menu, containers }: BootSettings): readonly string[] {
  return [
    ...(once ? [once.value.once, once.value.afterwards] : []),
    ...(menu ? menu.value.images : []),
    ...[kexecImage(mergeContainers(containers ?? []).end)].flatMap((image) => image ?? []),
  ];
}

/**
 * The matches of {@link Config.representatives}, of each rule, and of a machine that no node names, each with all that
 * it may boot.
 */
export function sampleMatches(config: Config): readonly Match[] {
  return firstMatches(config).flatMap((match) => {
    const others = choicesOf(match.settings).flatMap((image): readonly Match[] => {
      const settings = config.choose(match, image);
      return settings ? [{ ...match, settings }] : [];
    });
    return [match, ...others];
  });
}

function firstMatches({ representatives, rules, unknown }: Config): readonly Match[] {
  const named = representatives.flatMap((node): Match[] => {
    const { name, macs, settings } = node;
    const match = { mac: macs[0] ?? SAMPLE_MAC, node, why: `nodes.${name}` };
    // A node without an image has that of a rule.
    const alone = settings.image !== undefined || settings.action.value !== 'boot' || rules.length === 0;
    if (alone) return [{ ...match, settings }];
    return rules.map((rule) => ({ ...match, rule, settings: node.settingsWith(rule) })).filter(hasImage);
  });
  const ruled = rules.map((rule) => ({ mac: SAMPLE_MAC, rule, settings: rule.settings, why: `rules.${rule.name}` }));
  return [...named, ...ruled.filter(hasImage), { mac: SAMPLE_MAC, settings: unknown, why: 'unknown' }];
}

const hasImage = ({ settings }: Match) => settings.image !== undefined || settings.action.value !== 'boot';
