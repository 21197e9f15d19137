import { stringify } from 'yaml';

/** An interface of this machine with an IPv4 address. */
export interface SeenInterface {
  readonly name: string;
  /** Its first IPv4 address. */
  readonly address: string;
  readonly mac: string;
}

/** A DHCP server that has offered an address on an interface. */
export interface SeenServer {
  readonly interface: string;
  readonly address: string;
  /** The boot file that it names; undefined where it leaves that to others. */
  readonly bootFile: string | undefined;
}

/** What was asked of the network: what it answered, or why it could not be asked. */
export type Probe = { readonly servers: readonly SeenServer[] } | { readonly failed: string };

/** Files of an image that are there, for the section `images`. */
export type SeenImage =
  | { readonly build: string }
  | {
      readonly kernel: string;
      readonly initrd: string;
      readonly root: { readonly method: string; readonly source: string };
    };

/** What a first configuration is made of. */
export interface Setup {
  /** Those to serve. */
  readonly interfaces: readonly string[];
  /** Paths as the file is to have them; undefined for the default. */
  readonly artifacts: string | undefined;
  readonly state: string | undefined;
  readonly tokens: string | undefined;
  readonly images: Readonly<Record<string, SeenImage>>;
}

/** A first configuration, as YAML with words for who goes on with it. */
export function firstConfig({ interfaces, artifacts, state, tokens, images }: Setup): string {
  const [first] = interfaces;
  const server = interfaces.length > 1 ? { interfaces } : { interface: first };
  const names = Object.keys(images);
  const part = (value: object) => stringify(value, { lineWidth: 120 });
  const example = names[0] ?? 'IMAGE';
  return [
    '# Slipway: slipway.yaml(5). The server reads changes by itself; "slipway check" says what is wrong with them.\n',
    part({
      server,
      ...(artifacts === undefined ? {} : { artifacts }),
      ...(state === undefined ? {} : { state }),
      ...(tokens === undefined ? {} : { api: { tokens } }),
    }),
    names.length > 0
      ? `\n${part({ images })}`
      : '\n# No image was found: "slipway image build" makes one.\n# images:\n#   IMAGE: { build: IMAGE }\n',
    '\n# "slipway unknown" lists machines that have asked, and "slipway adopt" makes nodes of them.\n',
    `# nodes:\n#   n001: { mac: 52:54:00:00:00:01, image: ${example} }\n`,
  ].join('');
}

/** What to know of the DHCP servers of the network, a line each. */
export function dhcpAdvice(probe: Probe, own: readonly SeenInterface[]): readonly string[] {
  if ('failed' in probe) return [`whether the network has a DHCP server is not known: ${probe.failed}`];
  if (probe.servers.length === 0) {
    return ['no DHCP server has answered: machines need one for their addresses, which slipway does not give'];
  }
  return probe.servers.map(({ interface: name, address, bootFile }) => {
    const here = own.some((each) => each.address === address);
    const what = `the DHCP server ${address} answers on ${name}${here ? ', on this machine' : ''}`;
    if (bootFile !== undefined) {
      return `${what}, and names the boot file ${JSON.stringify(bootFile)}: take that out of its configuration, or machines may boot it`;
    }
    return here ? `${what}: it must share port 67 (dnsmasq: bind-interfaces)` : `${what}; it needs no change`;
  });
}
