import type { Image, Root } from '../../src/model/boot/image.ts';
import { type Mac, parseMac } from '../../src/model/machine/mac.ts';
import type { Config } from '../../src/model/settings/config.ts';
import type { BootSettings, Node, Sourced } from '../../src/model/settings/node.ts';
import { NodeIndex } from '../../src/model/settings/node-index.ts';

const sourced = <T>(value: T): Sourced<T> => ({ value, from: 'test' });

/** An address that the test knows to be one. */
export function mac(text: string): Mac {
  const parsed = parseMac(text);
  if (!parsed) throw new Error(`${text} is no MAC address`);
  return parsed;
}

/** An image with a kernel, one initrd and the given root. */
export function anImage(root: Root = { method: 'none' }): Image {
  return {
    name: 'debian',
    kernel: { kind: 'artifact', path: 'debian/vmlinuz' },
    initrd: [{ kind: 'artifact', path: 'debian/initrd.img' }],
    root,
  };
}

/** A container image as root, `debian/root.oci` with all defaults, changed as given. */
export function aBootcRoot(changes: Partial<Root> = {}): Root {
  return {
    method: 'bootc-live',
    source: { kind: 'artifact', path: 'debian/root.oci' },
    label: 'latest',
    unsecure: false,
    delivery: 'http',
    rw: false,
    etc_rw: true,
    var_rw: true,
    root_flags: null,
    size: null,
    zram: null,
    erofs: false,
    kexec: false,
    reuse_image: true,
    quiet: false,
    ...changes,
  };
}

/** Settings that boot an image, changed as given. */
export function settings(changes: Partial<BootSettings> = {}): BootSettings {
  return {
    action: sourced('boot'),
    image: sourced(anImage()),
    template: sourced('none'),
    args: [],
    vars: {},
    onFailure: sourced({ action: 'reboot', after: 60 }),
    ipxe: sourced('snponly.efi'),
    discovery: sourced('binl'),
    ...changes,
  };
}

/** Settings of machines that are left alone. */
export function ignored(): BootSettings {
  const { image: _, ...rest } = settings({ action: sourced('ignore') });
  return rest;
}

/** A node n001 at 52:54:00:00:00:01. */
export function aNode(changes: Partial<Node> = {}): Node {
  return {
    name: 'n001',
    hostname: sourced('n001'),
    macs: [mac('52:54:00:00:00:01')],
    labels: {},
    profiles: [],
    settings: settings(),
    settingsWith: (rule) => rule.settings,
    ...changes,
  };
}

/** A configuration of these nodes; strangers are ignored unless `unknown` says otherwise. */
export function aConfig(nodes: readonly Node[] = [aNode()], unknown: BootSettings = ignored()): Config {
  return {
    server: {
      dashboard: true,
      registry: false,
      metrics: { nodes: false },
      interface: undefined,
      address: '192.0.2.10',
      interfaces: undefined,
      listen: 'served',
      http: {
        port: 8080,
        workers: 1,
        sendfile: undefined,
        bufferMemory: undefined,
        perAddress: undefined,
        url: undefined,
      },
      tftp: { port: 69 },
      nbd: { port: 10809 },
      dhcp: { mode: 'proxy' },
      ipxe: undefined,
    },
    folder: '/etc/slipway',
    artifacts: '/srv/artifacts',
    templates: undefined,
    state: false,
    api: { tokens: false, read: 'any' },
    traces: undefined,
    webhooks: new Map(),
    stores: {},
    nodes,
    byMac: new Map(nodes.flatMap((node) => node.macs.map((each) => [each, node] as const))),
    index: new NodeIndex(),
    rules: [],
    images: [],
    choose: () => undefined,
    representatives: nodes,
    unknown,
    missing: [],
  };
}

export { sourced };
