import { join } from 'node:path';
import { decodePacket, encodePacket, type Packet } from '../../src/dhcp/codec/packet.ts';
import { TOP } from './lab.ts';
import { Network } from './network.ts';
import type { Running } from './process.ts';

/** The address of the proxyDHCP server. */
export const SERVER = '192.0.2.10';

/** Runs a TypeScript file of `test/support` on a host. */
export function runScript(
  network: Network,
  host: string,
  file: string,
  args: readonly string[],
  input?: string,
  before: readonly string[] = [],
): Running {
  const [command = process.execPath, ...rest] = [
    ...before,
    ...[process.execPath, '--import', 'tsx', join(TOP, 'test/support', file), ...args],
  ];
  return network.start(host, command, rest, { cwd: TOP, ...(input === undefined ? {} : { input }) });
}

/** A network with the hosts `server` and `client`; what the client broadcasts leaves by its only interface. */
export async function dhcpNetwork(): Promise<Network> {
  const network = await Network.create();
  await network.addHost('server', `${SERVER}/24`);
  await network.addHost('client', '192.0.2.20/24');
  await network.must('client', 'ip', ['route', 'add', 'default', 'dev', 'eth0']);
  return network;
}

/** Starts the proxyDHCP server on a host and waits until it listens. */
export async function startDaemon(network: Network, host = 'server', address = SERVER): Promise<Running> {
  const daemon = runScript(network, host, 'dhcp-daemon.ts', [address]);
  await daemon.until(/"event":"ready"/);
  return daemon;
}

/** An ordinary DHCP server that knows nothing of PXE. */
export async function startDnsmasq(network: Network, host: string, args: readonly string[] = []): Promise<Running> {
  const dnsmasq = network.start(host, 'dnsmasq', [
    ...['--no-daemon', '--conf-file=/dev/null', '--port=0', '--interface=eth0', '--user=root'],
    ...['--dhcp-range=192.0.2.100,192.0.2.200,1h', '--no-ping', '--leasefile-ro', '--log-dhcp', ...args],
  ]);
  await dnsmasq.until(/DHCP, IP range/);
  return dnsmasq;
}

/** A datagram that shall be sent. */
export interface Shot {
  readonly packet: Packet | Uint8Array;
  readonly address?: string;
  readonly port?: number;
}

/** Sends datagrams from a port of a host, to the broadcast address and port 67 unless they say otherwise. */
export function shoot(network: Network, host: string, from: number, shots: readonly Shot[]): Running {
  const send = shots.map(({ packet, address = '255.255.255.255', port = 67 }) => ({
    hex: Buffer.from(packet instanceof Uint8Array ? packet : encodePacket(packet)).toString('hex'),
    address,
    port,
  }));
  return runScript(network, host, 'udp-client.ts', [], JSON.stringify({ port: from, send }));
}

/** The next reply from this address and port, `192.0.2.10:67`. */
export async function replyFrom(client: Running, sender: string): Promise<Packet> {
  const [, hex = ''] = await client.until(new RegExp(`"from":"${sender.replaceAll('.', '\\.')}","hex":"([0-9a-f]+)"`));
  const packet = decodePacket(Buffer.from(hex, 'hex'));
  if ('silent' in packet) throw new Error(packet.reason);
  return packet;
}
