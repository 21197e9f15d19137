import { parseConfig } from '../../src/config/yaml/parse.ts';
import type { Config } from '../../src/model/settings/config.ts';
import type { BootSettings } from '../../src/model/settings/node.ts';
import { NodeIndex } from '../../src/model/settings/node-index.ts';

/** The configuration of a text that must be valid. Relative folders are below `/etc/slipway`. */
export function configOf(yaml: string): Config {
  const parsed = parseConfig(yaml, 'slipway.yaml', '/etc/slipway');
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('\n'));
  return parsed.config;
}

const choose = () => undefined;

/** The same with all settings put together, so that two can be compared. */
export function plainOf(config: Config): Config {
  const settings = ({ action, image, template, args, vars, onFailure, ipxe, discovery, firmware }: BootSettings) => ({
    ...{ action, template, args, vars, onFailure, ipxe, discovery },
    ...(image && { image }),
    ...(firmware && { firmware }),
  });
  const nodes = config.nodes.map(({ name, hostname, macs, labels, profiles, settings: own, settingsWith }) => ({
    ...{ name, hostname, macs, labels, profiles },
    settings: settings(own),
    settingsWith,
  }));
  return {
    ...config,
    nodes,
    byMac: new Map(),
    index: new NodeIndex(),
    representatives: [],
    choose,
    unknown: settings(config.unknown),
  };
}

/** All problems of a text as `LINE:COLUMN: MESSAGE`. */
export function problemsOf(yaml: string): readonly string[] {
  const parsed = parseConfig(yaml, 'slipway.yaml', '/etc/slipway');
  return parsed.ok ? [] : parsed.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

/** A file in which everything but `nodes` is fixed. */
export function withNodes(nodes: string): string {
  return `images: { debian: { kernel: vmlinuz } }\nprofiles: { compute: { image: debian } }\nnodes:\n${nodes}`;
}

/** The file with which the product's description begins. */
export const FIRST_FILE = `server:
  interface: eth0              # default: the interface of the default route
  address: 192.0.2.10          # default: that interface's first IPv4 address; what nodes are told
  http: { port: 8080 }
  tftp: { port: 69 }           # false turns a service off
  dhcp: { mode: proxy }        # proxy | off
artifacts: ./artifacts         # relative to this file; watched
templates: ./templates         # optional: templates of one's own, by the built-in names or new ones
images:
  debian:
    kernel: debian/vmlinuz             # under artifacts, or an http(s) URL
    initrd: [debian/initrd.img]        # one or a list
    root: { method: bootc-live, source: debian/root.oci, label: latest }
          # or { method: container-root, source: x.tar.xz, size: 3G }, { method: live, source: x.squashfs }, { method: none }
    args: [console=ttyS0]
profiles:
  compute: { image: debian, args: [quiet], vars: { role: compute } }
nodes:
  n001:
    mac: 52:54:00:00:00:01             # one or a list; any case; with : or - or dots (aabb.cc00.0002) or bare
    profile: compute                   # one or a list: later ones win, args add up
    args: [hugepages=64]
    vars: { rack: 7 }
unknown: { action: ignore }            # ignore | local | boot (then with profile: or image:)
`;
