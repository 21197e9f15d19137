import { type Finished, must, type Running, run, type StartOptions, start } from './process.ts';

let serial = 0;

/**
 * A switched Ethernet of its own: one network namespace holds a bridge, each host is a further namespace with one
 * interface `eth0` on it. Nothing leaves it; there is no route to the outside. Needs root and iproute2.
 */
export class Network {
  private readonly prefix = `slipway-${process.pid}-${++serial}`;
  private readonly hosts = new Set<string>();

  private constructor() {}

  /** Makes the switch. Call {@link destroy} in a `finally` or `afterAll`. */
  static async create(): Promise<Network> {
    const network = new Network();
    const ns = network.namespace('switch');
    await must('ip', ['netns', 'add', ns]);
    network.hosts.add('switch');
    await network.must('switch', 'ip', ['link', 'set', 'lo', 'up']);
    await network.must('switch', 'ip', ['link', 'add', 'br0', 'type', 'bridge']);
    await network.must('switch', 'ip', ['link', 'set', 'br0', 'up']);
    return network;
  }

  /** The network namespace of a host. */
  namespace(host: string): string {
    return `${this.prefix}-${host}`;
  }

  /** Adds a host. `address` is CIDR (`192.0.2.10/24`) or undefined for none yet; its interface is `eth0`. */
  async addHost(host: string, address?: string): Promise<void> {
    const ns = this.namespace(host);
    await must('ip', ['netns', 'add', ns]);
    this.hosts.add(host);
    const port = `p-${host}`.slice(0, 15);
    await this.must('switch', 'ip', ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns]);
    await this.must('switch', 'ip', ['link', 'set', port, 'master', 'br0', 'up']);
    await this.must(host, 'ip', ['link', 'set', 'lo', 'up']);
    await this.must(host, 'ip', ['link', 'set', 'eth0', 'up']);
    if (address !== undefined) await this.must(host, 'ip', ['address', 'add', address, 'dev', 'eth0']);
  }

  /** Adds a tap on the switch for a virtual machine, which must be started with {@link start} on host `switch`. */
  async addTap(name: string): Promise<void> {
    await this.must('switch', 'ip', ['tuntap', 'add', name, 'mode', 'tap']);
    await this.must('switch', 'ip', ['link', 'set', name, 'master', 'br0', 'up']);
  }

  /**
   * Drops packets that leave a host, at random.
   * @param percent 0 removes the rule
   */
  async lose(host: string, protocol: 'udp' | 'tcp', percent: number): Promise<void> {
    const table = `table inet loss {
      chain out {
        type filter hook output priority 0
        meta l4proto ${protocol} numgen random mod 100 < ${percent} drop
      }
    }`;
    const rules = `flush ruleset\n${percent === 0 ? '' : table}`;
    await this.must(host, 'nft', ['-f', '-'], { input: `${rules}\n` });
  }

  private inside(host: string, command: string, args: readonly string[]): readonly string[] {
    return ['netns', 'exec', this.namespace(host), command, ...args];
  }

  /** Starts a program on a host. */
  start(host: string, command: string, args: readonly string[], options?: StartOptions): Running {
    return start('ip', this.inside(host, command, args), options);
  }

  /** Runs a program on a host to its end. */
  run(host: string, command: string, args: readonly string[], options?: StartOptions): Promise<Finished> {
    return run('ip', this.inside(host, command, args), options);
  }

  /** Runs a program on a host that must succeed, and gives its standard output. */
  must(host: string, command: string, args: readonly string[], options?: StartOptions): Promise<string> {
    return must('ip', this.inside(host, command, args), options);
  }

  /** Ends every process on the network and takes it down. */
  async destroy(): Promise<void> {
    for (const host of this.hosts) {
      const pids = (await run('ip', ['netns', 'pids', this.namespace(host)])).stdout.split('\n').filter(Boolean);
      for (const pid of pids) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It ended by itself in between.
        }
      }
    }
    for (const host of this.hosts) await run('ip', ['netns', 'delete', this.namespace(host)]);
  }
}
