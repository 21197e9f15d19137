import { Network } from './network.ts';
import type { Running } from './process.ts';

/** The server's address on the network of {@link tftpNetwork}. */
export const SERVER = '192.0.2.1';

/** Two hosts, `server` and `client`, on one switch. */
export async function tftpNetwork(): Promise<Network> {
  const network = await Network.create();
  try {
    await network.addHost('server', `${SERVER}/24`);
    await network.addHost('client', '192.0.2.2/24');
    return network;
  } catch (error) {
    await network.destroy();
    throw error;
  }
}

/**
 * Loses UDP packets at random when they arrive at a host. Unlike `Network.lose`, which drops them where they are
 * sent, the sender is not told: most clients end at once if their own `sendto` fails.
 */
export async function loseArriving(network: Network, host: string, percent: number): Promise<void> {
  const table = `table inet loss {
    chain arriving {
      type filter hook input priority 0
      meta l4proto udp numgen random mod 100 < ${percent} drop
    }
  }`;
  await network.must(host, 'nft', ['-f', '-'], { input: `flush ruleset\n${percent === 0 ? '' : table}\n` });
}

/** Starts this project's TFTP server on a host, and resolves when it is ready. */
export async function startDaemon(
  network: Network,
  folder: string,
  host = 'server',
  address = SERVER,
): Promise<Running> {
  const program = new URL('tftp-daemon.ts', import.meta.url).pathname;
  const daemon = network.start(host, process.execPath, ['--import', 'tsx', program, address, '69', folder]);
  await daemon.until(/"event":"ready"/);
  return daemon;
}
