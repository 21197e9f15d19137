import type { Mac } from '../machine/mac.ts';
import type { BootSettings, Node, Rule } from './node.ts';
import type { NodeIndex } from './node-index.ts';

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

/** The `server:` section. Undefined members are looked up on the machine when the server starts. */
export interface ServerSettings {
  /** Whether built images are offered as a registry. */
  readonly registry: boolean;
  readonly interface: string | undefined;
  readonly address: string | undefined;
  /** The address of HTTP, TFTP and NBD: the served one, or all. */
  readonly listen: 'served' | 'any';
  readonly http: HttpSettings | false;
  readonly tftp: { readonly port: number } | false;
  readonly nbd: { readonly port: number } | false;
  readonly dhcp: { readonly mode: 'proxy' | 'off' };
  /** Absolute path of the user's folder with iPXE binaries, which are preferred. */
  readonly ipxe: string | undefined;
}

/** One valid configuration: immutable, replaced whole, read once per request. */
export interface Config {
  readonly server: ServerSettings;
  /** Absolute path. */
  readonly artifacts: string;
  /** Absolute path. */
  readonly templates: string | undefined;
  /** Absolute path of the file in which boots are kept; false for none. */
  readonly state: string | false;
  readonly nodes: readonly Node[];
  readonly byMac: ReadonlyMap<Mac, Node>;
  /** Nodes by other things than their addresses. */
  readonly index: NodeIndex;
  /** The most specific first; those that are equally specific in the order of the file. */
  readonly rules: readonly Rule[];
  /** One node for each set of settings, whose nodes differ only in name, addresses, arguments and values of variables. */
  readonly representatives: readonly Node[];
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

/** The matches of {@link Config.representatives}, of each rule, and of a machine that no node names. */
export function sampleMatches({ representatives, rules, unknown }: Config): readonly Match[] {
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
