import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { TOP } from '../support/lab.ts';
import type { Network } from '../support/network.ts';
import { run } from '../support/process.ts';
import { loseArriving } from '../support/tftp-network.ts';
import { BenchLab } from './lab.ts';
import { median, type Row } from './table.ts';

const MB = 1024 * 1024;
/** Fewer for what takes long. */
const ROUNDS = { 1: 3, 2: 3, 100: 2 } as const;
/** Who took so many times what the best did need not show it again. */
const FAR_BEHIND = 1.5;
/** Seconds for downloads: nobody waits longer for a peer. */
const LIMIT = 60;
/** With loss: at most so many, and so many times what the daemon took. */
const LIMIT_LOSS = 30;
const LOSS_TIMES = 25;

interface Case {
  readonly megabytes: 1 | 2 | 100;
  readonly window: number;
  /** Downloads at once, and one after the other. */
  readonly clients: number;
  readonly times: number;
}

const SMALL: Case = { megabytes: 1, window: 16, clients: 1, times: 20 };
const CASES: readonly Case[] = [1, 16].flatMap((window) => [
  { ...SMALL, window },
  { megabytes: 100, window, clients: 1, times: 1 },
  { megabytes: 1, window, clients: 100, times: 1 },
]);

/**
 * tftpd-hpa excludes atftpd as a package, so its program is taken out of the package; undefined where that is not to be
 * had.
 */
async function fetchTftpdHpa(): Promise<string | undefined> {
  const folder = join(TOP, 'build/peers');
  const program = join(folder, 'usr/sbin/in.tftpd');
  await mkdir(folder, { recursive: true });
  if ((await run(program, ['-V'])).code === 0) return program;
  await run('apt-get', ['download', '-q', 'tftpd-hpa'], { cwd: folder });
  const archive = (await readdir(folder)).find((name) => /^tftpd-hpa_.*\.deb$/.test(name));
  if (archive !== undefined) await run('dpkg', ['-x', archive, '.'], { cwd: folder });
  return (await run(program, ['-V'])).code === 0 ? program : undefined;
}

/** Waits until something on a host is bound to UDP port 69. */
async function bound(network: Network, host: string): Promise<void> {
  while ((await network.must(host, 'ss', ['-Hlun', 'sport = :69'])) === '') {}
}

type Start = (network: Network, folder: string, address: string) => Promise<unknown>;

/** How each server is started on a host of its own, which has this address. All of them have the first core. */
function servers(tftpdHpa: string | undefined): Readonly<Record<string, Start>> {
  const peer =
    (host: string, command: string, args: (folder: string) => readonly string[]): Start =>
    (network, folder) => {
      network.start(host, 'taskset', ['-c', '0', command, ...args(folder)]);
      return bound(network, host);
    };
  const dnsmasq = ['--keep-in-foreground', '--port=0', '--conf-file=/dev/null', '--user=root', '--pid-file='];
  const atftpd = [
    '--daemon',
    '--no-fork',
    '--user',
    'root.root',
    '--logfile',
    '-',
    '--verbose=0',
    '--maxthread',
    '200',
  ];
  return {
    slipway: (network, folder, address) => {
      const program = [process.execPath, '--import', 'tsx', join(TOP, 'test/support/tftp-daemon.ts')];
      return network
        .start('slipway', 'taskset', ['-c', '0', ...program, address, '69', folder])
        .until(/"event":"ready"/);
    },
    dnsmasq: peer('dnsmasq', 'dnsmasq', (folder) => [
      ...dnsmasq,
      '--enable-tftp',
      '--tftp-max=200',
      `--tftp-root=${folder}`,
    ]),
    atftpd: peer('atftpd', 'atftpd', (folder) => [...atftpd, folder]),
    ...(tftpdHpa === undefined
      ? {}
      : { 'tftpd-hpa': peer('tftpd-hpa', tftpdHpa, (folder) => ['-L', '-u', 'root', '-s', folder]) }),
  };
}

/** Seconds for the downloads of a case; infinite if one failed or they took too long. */
async function download(
  { network }: BenchLab,
  address: string,
  { megabytes, window, clients, times }: Case,
  limit: number,
): Promise<number> {
  const args = `--option 'blksize 1468' --option 'windowsize ${window}' -g -r ${megabytes}M -l /dev/null ${address}`;
  const command = `seq ${clients * times} | xargs -P ${clients} -I{} taskset -c 1 atftp ${args}`;
  const start = performance.now();
  const { code } = await network.run('client', 'timeout', [String(limit), 'sh', '-c', command]);
  return code === 0 ? (performance.now() - start) / 1000 : Number.POSITIVE_INFINITY;
}

const shown = (seconds: number, limit: number) => (Number.isFinite(seconds) ? seconds.toFixed(2) : `> ${limit}`);

/** TFTP beside dnsmasq, atftpd and tftpd-hpa; the client is atftp. */
export async function benchTftp(print: (row: Row) => void): Promise<void> {
  const lab = await BenchLab.create();
  try {
    const { network, folder } = lab;
    const files = join(folder, 'tftp');
    await mkdir(files);
    for (const megabytes of [1, 2, 100]) await writeFile(join(files, `${megabytes}M`), randomBytes(megabytes * MB));
    const starts = Object.entries(servers(await fetchTftpdHpa()));
    const addresses = new Map<string, string>();
    for (const [index, [name, start]] of starts.entries()) {
      const address = `192.0.2.${30 + index}`;
      await network.addHost(name, `${address}/24`);
      await start(network, files, address);
      addresses.set(name, address);
    }
    const compare = (work: string, times: ReadonlyMap<string, number>, least: number, limit: number) => {
      const own = times.get('slipway') ?? Number.NaN;
      const peers = [...times].filter(([name]) => name !== 'slipway');
      // The best of them decides; one that was not done in time took at least so long.
      const ratio = Math.min(...peers.map(([, seconds]) => Math.min(seconds, limit) / own));
      const list = peers.map(([name, seconds]) => `${name} ${shown(seconds, limit)}`).join(', ');
      print({
        work: `TFTP, ${work}: speed to the best`,
        target: `>= ${least} ×`,
        figure: `${peers.every(([, seconds]) => seconds > limit) ? '> ' : ''}${ratio.toFixed(2)} × (${shown(own, limit)} s; ${list})`,
        holds: ratio >= least,
      });
    };
    // Servers run for months: what happens at their start alone is not what is compared.
    for (const address of addresses.values()) await download(lab, address, SMALL, LIMIT);
    for (const each of CASES) {
      const times = new Map<string, number[]>([...addresses.keys()].map((name) => [name, []]));
      // In turn, so that whatever else the machine does hits all of them alike.
      for (let round = 0; round < ROUNDS[each.megabytes]; round++) {
        const best = Math.min(...[...times.values()].flat());
        for (const [name, address] of addresses) {
          if ((times.get(name)?.[0] ?? 0) > FAR_BEHIND * best) continue;
          times.get(name)?.push(await download(lab, address, each, LIMIT));
        }
      }
      const { megabytes, window, clients, times: repeats } = each;
      const work = `${megabytes} MB${repeats > 1 ? ` ${repeats} times` : ''}, window ${window}, ${clients} client${clients > 1 ? 's' : ''}`;
      compare(work, new Map([...times].map(([name, all]) => [name, median(all)])), 1, LIMIT);
    }
    for (const loss of [1, 5]) {
      for (const window of [1, 16]) {
        const each: Case = { megabytes: 2, window, clients: 1, times: 1 };
        await loseArriving(network, 'client', loss);
        const own: number[] = [];
        const address = addresses.get('slipway') ?? '';
        for (let round = 0; round < ROUNDS[each.megabytes]; round++)
          own.push(await download(lab, address, each, LIMIT_LOSS));
        const limit = Math.ceil(Math.min(LIMIT_LOSS, LOSS_TIMES * median(own)));
        // The peers wait for their timers and need no processor: all of them at once.
        const peers = [...addresses].filter(([name]) => name !== 'slipway');
        const theirs = await Promise.all(
          peers.map(async ([name, peer]) => [name, await download(lab, peer, each, limit)] as const),
        );
        const times = new Map([['slipway', median(own)] as const, ...theirs]);
        compare(`2 MB, ${loss} % lost, window ${window}`, times, 20, limit);
      }
    }
  } finally {
    await lab.destroy();
  }
}
