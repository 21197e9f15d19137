import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { TOP } from '../support/lab.ts';
import { Network } from '../support/network.ts';
import type { Running } from '../support/process.ts';
import type { SinkOptions, SinkResult } from './sink.ts';

/** The server's address on the network. */
export const SERVER = '192.0.2.10';
/** Where a load comes from: another namespace across veth pairs, or the server's own. */
export type From = 'veth' | 'loopback';

/** Ticks of a process's clock in a second: sysconf(_SC_CLK_TCK), 100 on every Linux. */
const TICKS = 100;

/** A network with the hosts `server` (on the first core) and `client` (on the last), and a folder. */
export class BenchLab {
  readonly network: Network;
  readonly folder: string;

  private constructor(network: Network, folder: string) {
    this.network = network;
    this.folder = folder;
  }

  static async create(): Promise<BenchLab> {
    const network = await Network.create();
    await network.addHost('server', `${SERVER}/24`);
    await network.addHost('client', '192.0.2.20/24');
    // What it broadcasts needs a route.
    await network.must('client', 'ip', ['route', 'add', 'default', 'dev', 'eth0']);
    return new BenchLab(network, await mkdtemp(join(tmpdir(), 'slipway-bench-')));
  }

  async destroy(): Promise<void> {
    await this.network.destroy();
    await rm(this.folder, { recursive: true });
  }

  /** Starts a program on the server's core. */
  server(command: string, args: readonly string[]): Running {
    return this.network.start('server', 'taskset', ['-c', '0', command, ...args]);
  }

  /** The log of the daemon that was started with the configuration of this name. */
  logOf(name = 'config.yaml'): string {
    // Not beside the configuration: its folder is watched.
    return join(this.folder, 'logs', `${name}.log`);
  }

  /** Makes small files `vmlinuz`, `initrd.img` and `root.img` in the artifacts folder, too old to be still written. */
  async smallArtifacts(): Promise<void> {
    await mkdir(join(this.folder, 'artifacts'));
    for (const name of ['vmlinuz', 'initrd.img', 'root.img']) {
      await writeFile(join(this.folder, 'artifacts', name), name);
      await utimes(join(this.folder, 'artifacts', name), 1e9, 1e9);
    }
  }

  /** Starts the daemon with a configuration and waits until it is ready. */
  async daemon(config: string, cores = '0', name = 'config.yaml', flags = ''): Promise<Running> {
    const file = join(this.folder, name);
    await writeFile(file, config);
    const log = this.logOf(name);
    await mkdir(dirname(log), { recursive: true });
    await writeFile(log, '');
    // For profiles: BENCH_NODE_FLAGS="--cpu-prof --cpu-prof-dir=/tmp/profiles".
    const program = [
      'node',
      process.env.BENCH_NODE_FLAGS ?? '',
      flags,
      join(TOP, 'dist/cli.js'),
      'serve',
      '--config',
      file,
      '--log',
      'json',
    ];
    // Its log goes to a file, as it would under systemd: reading it here would be part of what is measured.
    const command = `exec taskset -c ${cores} ${program.join(' ')} >> ${log} 2>&1`;
    const running = this.network.start('server', 'sh', ['-c', command]);
    while (!(await readFile(log, 'utf8')).includes('"event":"ready"')) {
      if (running.child.exitCode !== null) throw new Error(await readFile(log, 'utf8'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return running;
  }

  /** Starts a program of this folder where the load comes from, on the last core. */
  load(from: From, program: string, options: object): Running {
    const script = join(TOP, 'test/bench', program);
    const args = ['-c', '1', process.execPath, '--import', 'tsx', script, JSON.stringify(options)];
    return this.network.start(from === 'veth' ? 'client' : 'server', 'taskset', args, { cwd: TOP });
  }

  /** Downloads, and what they cost the server. */
  async sink(from: From, server: Running, options: Omit<SinkOptions, 'address'>): Promise<SinkResult & Cost> {
    const sink = this.load(from, 'sink.ts', { ...options, address: SERVER });
    await sink.until(/begun/);
    const before = await cpuSeconds(server);
    const [, json = ''] = await sink.until(/(\{.*\})/);
    const cpu = (await cpuSeconds(server)) - before;
    const result = JSON.parse(json) as SinkResult;
    const bytes = result.fast + result.slow;
    return { ...result, cpuPerGb: cpu / (bytes / 1e9), gbPerSecond: bytes / 1e9 / result.seconds };
  }
}

export interface Cost {
  readonly cpuPerGb: number;
  readonly gbPerSecond: number;
}

/** The processes below one, itself included. */
async function family(pid: number): Promise<readonly number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const below = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(family));
  return [pid, ...below.flat()];
}

const pidOf = (server: Running) => server.child.pid ?? 0;

/** Seconds of processor time that a program and its children have used. */
export async function cpuSeconds(server: Running): Promise<number> {
  let ticks = 0;
  for (const pid of await family(pidOf(server))) {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).replace(/^.*\) /, '').split(' ');
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks / TICKS;
}

/** Bytes of memory that a program and its children have now. */
export async function memory(server: Running): Promise<number> {
  let kilobytes = 0;
  for (const pid of await family(pidOf(server))) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    kilobytes += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  }
  return kilobytes * 1024;
}
