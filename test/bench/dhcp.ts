import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { must, type Running } from '../support/process.ts';
import { BenchLab, cpuSeconds, SERVER } from './lab.ts';
import type { PowerOnResult } from './power-on.ts';
import { median, type Row } from './table.ts';

const ROUNDS = 3;
const PEER = '192.0.2.11';
/** DISCOVERs per second that are offered. */
const RATES = [5000, 10_000, 20_000];
const MACHINES = 10_000;

const CONFIG = `
server: { interface: eth0, http: { workers: 1 } }
artifacts: ./artifacts
images: { debian: { kernel: "http://192.0.2.9/vmlinuz" } }
unknown: { action: boot, image: debian }
`;
/** dnsmasq as a proxyDHCP, without its log. */
const DNSMASQ = [
  ...['--keep-in-foreground', '--port=0', '--conf-file=/dev/null', '--user=root', '--pid-file=', '--quiet-dhcp'],
  ...['--log-facility=/dev/null', '--interface=eth0', '--bind-interfaces', '--dhcp-range=192.0.2.0,proxy'],
  ...['--pxe-service=x86PC,boot,undionly', '--dhcp-boot=undionly.kpxe'],
];
/** Vendor class and architecture of a BIOS with PXE. */
const PXE = ['-o', `60,${Buffer.from('PXEClient:Arch:00000:UNDI:002001').toString('hex')}`, '-o', '93,0000'];

interface Burst {
  readonly sent: number;
  readonly answered: number;
  readonly cpu: number;
}

/** DISCOVERs of 10,000 machines, at a rate, for some seconds. */
async function burst(lab: BenchLab, server: Running, address: string, rate: number, seconds: number): Promise<Burst> {
  const before = await cpuSeconds(server);
  const args = ['-c', '1', 'perfdhcp', '-4', '-i', '-r', String(rate), '-p', String(seconds), '-R', '10000'];
  const { stdout } = await lab.network.run('client', 'taskset', [
    ...args,
    '-W',
    '1000000',
    ...PXE,
    '-l',
    'eth0',
    address,
  ]);
  const figure = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(stdout)?.[1] ?? 0);
  const cpu = (await cpuSeconds(server)) - before;
  return { sent: figure('sent packets'), answered: figure('received packets'), cpu };
}

/** Ten thousand machines, one DISCOVER each within one second. */
async function powerOn(lab: BenchLab, address: string): Promise<PowerOnResult> {
  const running = lab.load('veth', 'power-on.ts', { address, machines: MACHINES });
  return JSON.parse((await running.until(/(\{.*\})/))[1] ?? '') as PowerOnResult;
}

/** proxyDHCP beside dnsmasq's. */
export async function benchDhcp(print: (row: Row) => void): Promise<void> {
  const lab = await BenchLab.create();
  try {
    await mkdir(join(lab.folder, 'artifacts'));
    await must('perfdhcp', ['-v']);
    await lab.network.addHost('peer', `${PEER}/24`);
    const slipway = await lab.daemon(CONFIG);
    const dnsmasq = lab.network.start('peer', 'taskset', ['-c', '0', 'dnsmasq', ...DNSMASQ]);
    while ((await lab.network.must('peer', 'ss', ['-Hlun', 'sport = :67'])) === '') {}
    await burst(lab, slipway, SERVER, 2000, 2);
    for (const rate of RATES) {
      const own: number[] = [];
      const ratios: number[] = [];
      const cpu: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const mine = await burst(lab, slipway, SERVER, rate, 1);
        const theirs = await burst(lab, dnsmasq, PEER, rate, 1);
        own.push(mine.answered / mine.sent);
        ratios.push(mine.answered / theirs.answered);
        cpu.push((mine.cpu / mine.answered) * 1e6);
      }
      const ratio = median(ratios);
      const figure = `${ratio.toFixed(2)} × (${(100 * median(own)).toFixed(1)} %, ${median(cpu).toFixed(0)} µs of CPU each)`;
      print({
        work: `proxyDHCP, ${rate} DISCOVERs within one second: answered, to dnsmasq`,
        target: rate === 10_000 ? '>= 1 ×, all' : '>= 1 ×',
        figure,
        holds: ratio >= 1 && (rate !== 10_000 || median(own) === 1),
      });
    }
    const own: PowerOnResult[] = [];
    const theirs: PowerOnResult[] = [];
    for (let round = 0; round < 3; round++) {
      own.push(await powerOn(lab, SERVER));
      theirs.push(await powerOn(lab, PEER));
    }
    const answered = median(own.map((each) => each.answered));
    const late = median(own.map((each) => each.late)).toFixed(0);
    print({
      work: `proxyDHCP, ${MACHINES} machines powering on within one second: answered`,
      target: 'all',
      figure: `${answered}, the last ${late} ms after it asked at the latest (dnsmasq ${median(theirs.map((each) => each.answered))})`,
      holds: answered === MACHINES,
    });
    await slipway.stop();
  } finally {
    await lab.destroy();
  }
}
