import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Network } from './network.ts';
import type { Running } from './process.ts';

/** The checkout. */
export const TOP = fileURLToPath(new URL('../..', import.meta.url));

/** Addresses of the lab; 192.0.2.0/24 is reserved for documentation (RFC 5737). */
export const DHCP_ADDRESS = '192.0.2.1';
export const SERVER_ADDRESS = '192.0.2.10';

/** A network with an ordinary DHCP server that knows nothing of PXE, and the daemon on a host of its own. */
export interface Lab {
  readonly network: Network;
  readonly dnsmasq: Running;
  /** The folder of the configuration file. */
  readonly folder: string;
  readonly configFile: string;
  /** Starts the daemon that `npm run build` made and waits until it is ready. */
  serve(args?: readonly string[]): Promise<Running>;
  destroy(): Promise<void>;
}

/** The ordinary DHCP server: addresses, and router advertisements so that iPXE need not wait for IPv6. */
const DNSMASQ = [
  ...['--no-daemon', '--conf-file=/dev/null', '--port=0', '--interface=eth0', '--bind-interfaces', '--user=root'],
  ...['--dhcp-range=192.0.2.100,192.0.2.200,1h', '--no-ping', '--leasefile-ro', '--log-dhcp'],
  ...['--enable-ra', '--dhcp-range=fd77::,ra-only,64'],
];

/**
 * Sets the lab up.
 * @param config the daemon's configuration, YAML
 */
export async function createLab(config: string): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-lab-'));
  const configFile = join(folder, 'config.yaml');
  await writeFile(configFile, config);
  const network = await Network.create();
  await network.addHost('dhcp', `${DHCP_ADDRESS}/24`);
  await network.addHost('server', `${SERVER_ADDRESS}/24`);
  await network.addHost('client', '192.0.2.20/24');
  await network.must('dhcp', 'ip', ['address', 'add', 'fd77::1/64', 'dev', 'eth0', 'nodad']);
  const dnsmasq = network.start('dhcp', 'dnsmasq', DNSMASQ);
  await dnsmasq.until(/DHCP, IP range|DHCP, sockets bound/);
  return {
    network,
    dnsmasq,
    folder,
    configFile,
    async serve(args = []) {
      const daemon = network.start('server', process.execPath, [
        join(TOP, 'dist/cli.js'),
        ...['serve', '--config', configFile, '--log', 'json', ...args],
      ]);
      await daemon.until(/"event":"ready"/);
      return daemon;
    },
    async destroy() {
      await network.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Sets the lab up with files in its artifacts folder, `./artifacts` in the configuration, and starts the daemon. */
export async function createServingLab(
  config: string,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<{ readonly lab: Lab; readonly daemon: Running }> {
  const lab = await createLab(config);
  const artifacts = join(lab.folder, 'artifacts');
  await mkdir(artifacts);
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(artifacts, `${name}.new`), content);
    await rename(join(artifacts, `${name}.new`), join(artifacts, name));
  }
  return { lab, daemon: await lab.serve() };
}

/** What listens on the lab's server, as `udp 192.0.2.10:69`; DHCP clients' and transfers' ports are left out. */
export async function listeningIn(network: Network): Promise<readonly string[]> {
  const sockets = await network.must('server', 'ss', ['-Hltun']);
  return sockets
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/))
    .map(([protocol, , , , local]) => `${protocol} ${local}`)
    .filter((each) => /:(?:67|69|4011|8080|10809)$/.test(each))
    .sort();
}
