/**
 * Seconds that atftp takes to fetch files from this server, dnsmasq and atftpd, on the same pair of namespaces.
 * Run as root: `node --import tsx test/bench/tftp.ts [RUNS]`. Needs atftp, atftpd, dnsmasq, nftables.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Network } from '../support/network.ts';
import { loseArriving, startDaemon } from '../support/tftp-network.ts';

const RUNS = Number(process.argv[2] ?? 3);
/** Nobody waits longer for one download. */
const LIMIT = 90;

const MB = 1024 * 1024;
const CASES = ([] as any[]).concat([
  { name: '4 MB, 1 % lost, window 1', file: '4M', loss: 1, window: 1 },
  { name: '4 MB, 1 % lost, window 16', file: '4M', loss: 1, window: 16 },
  { name: '100 MB, window 1', file: '100M', loss: 0, window: 1 },
  { name: '100 MB, window 16', file: '100M', loss: 0, window: 16 },
]).filter((c)=>c.loss===0);

/** Waits until something on a host is bound to UDP port 69. */
async function bound(network: Network, host: string): Promise<void> {
  while ((await network.must(host, 'ss', ['-Hlun', 'sport = :69'])) === '') {}
}

/** How each server is started on a host of its own, which has this address. */
const SERVERS: Readonly<Record<string, (network: Network, folder: string, address: string) => unknown>> = {
  slipway: (network, folder, address) => startDaemon(network, folder, 'slipway', address),
  dnsmasq(network, folder) {
    const args = ['--keep-in-foreground', '--port=0', '--conf-file=/dev/null', '--user=root', '--pid-file='];
    network.start('dnsmasq', 'dnsmasq', [...args, '--enable-tftp', `--tftp-root=${folder}`]);
    return bound(network, 'dnsmasq');
  },
  atftpd(network, folder) {
    const args = ['--daemon', '--no-fork', '--user', 'root.root', '--logfile', '-', '--verbose=0'];
    network.start('atftpd', 'atftpd', [...args, folder]);
    return bound(network, 'atftpd');
  },
};

/** Seconds for one download, or undefined if it failed or took too long. */
async function download(network: Network, address: string, file: string, window: number): Promise<number | undefined> {
  const args = ['--option', 'blksize 1468', '--option', `windowsize ${window}`, '-g', '-r', file, '-l', '/dev/null'];
  const start = performance.now();
  const { code } = await network.run('client', 'timeout', [String(LIMIT), 'atftp', ...args, address]);
  return code === 0 ? (performance.now() - start) / 1000 : undefined;
}

function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.map((value) => value ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === Number.POSITIVE_INFINITY ? undefined : middle;
}

const shown = (seconds: number | undefined): string => (seconds === undefined ? `> ${LIMIT}` : seconds.toFixed(2));

const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
const network = await Network.create();
try {
  await writeFile(join(folder, '4M'), randomBytes(4 * MB));
  await writeFile(join(folder, '100M'), randomBytes(100 * MB));
  await network.addHost('client', '192.0.2.2/24');
  const addresses = new Map(Object.keys(SERVERS).map((name, index) => [name, `192.0.2.${10 + index}`]));
  for (const [name, address] of addresses) {
    await network.addHost(name, `${address}/24`);
    await SERVERS[name]?.(network, folder, address);
  }
  console.log(`| seconds, median of ${RUNS} (atftp, blksize 1468) | ${[...addresses.keys()].join(' | ')} |`);
  console.log(`|---|${'---|'.repeat(addresses.size)}`);
  for (const { name, file, loss, window } of CASES) {
    await loseArriving(network, 'client', loss);
    const times = new Map<string, (number | undefined)[]>();
    // In turn, so that whatever else the machine does hits all of them alike.
    for (let run = 0; run < RUNS; run++) {
      for (const [server, address] of addresses) {
        times.set(server, [...(times.get(server) ?? []), await download(network, address, file, window)]);
      }
    }
    const own = median(times.get('slipway') ?? []);
    const cells = [...times].map(([server, values]) => {
      const seconds = median(values);
      const ratio = own === undefined || server === 'slipway' ? '' : ` (${((seconds ?? LIMIT) / own).toFixed(1)}×)`;
      return `${shown(seconds)}${ratio}`;
    });
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
} finally {
  await network.destroy();
  await rm(folder, { recursive: true });
}
