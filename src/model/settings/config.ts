import type { Mac } from '../machine/mac.ts';
import type { BootSettings, Node } from './node.ts';

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
  /** Absent where no node names the machine and the `unknown:` rule applies. */
  readonly node?: Node;
  readonly settings: BootSettings;
  /** The rule that matched, in words. */
  readonly why: string;
}

/** Finds the settings of the machine with this address. */
export function findNode(config: Config, mac: Mac): Match {
  const node = config.byMac.get(mac);
  return node
    ? { mac, node, settings: node.settings, why: `nodes.${node.name}.mac is ${mac}` }
    : { mac, settings: config.unknown, why: `no node has ${mac}: the rule "unknown" applies` };
}

/** An address for machines that no node names, where only their settings count; a locally administered one. */
const SAMPLE_MAC = '02:00:00:00:00:00' as Mac;

/** The matches of {@link Config.representatives}, and of a machine that no node names. */
export function sampleMatches(config: Config): readonly Match[] {
  const named = config.representatives.flatMap(({ macs }) => macs.slice(0, 1).map((mac) => findNode(config, mac)));
  return [...named, { mac: SAMPLE_MAC, settings: config.unknown, why: 'unknown' }];
}
