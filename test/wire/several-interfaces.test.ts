import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { aPacket, ascii, hex } from '../support/dhcp.ts';
import { replyFrom, runScript, shoot, startDnsmasq } from '../support/dhcp-lab.ts';
import { createLab, DHCP_ADDRESS, type Lab, listeningIn, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { Network } from '../support/network.ts';
import type { Running } from '../support/process.ts';

const MAC = '52:54:00:00:00:01';
/** The second network. */
const OTHER_ADDRESS = '198.51.100.10';
const OTHER_DHCP = '198.51.100.1';

const config = (server: string) => `
server: { ${server} }
artifacts: ./artifacts
images:
  debian: { kernel: vmlinuz, root: { method: lazy, source: root.squashfs } }
nodes: { n001: { mac: "${MAC}", image: debian } }
unknown: { action: local }
`;
const BOTH = config('interfaces: [eth0, eth1], http: { workers: 2 }');
const KERNEL = randomBytes(40_000_000);

let lab: Lab;
let other: Network;
let running: Running[];

beforeEach(async () => {
  running = [];
  lab = await createLab(BOTH);
  other = await Network.create();
  await other.addHost('dhcp', `${OTHER_DHCP}/24`);
  await other.addHost('client', '198.51.100.20/24');
  await layCable();
  for (const { network } of sides()) {
    await network.must('client', 'ip', ['route', 'add', 'default', 'dev', 'eth0']);
    await network.must('client', 'ip', ['link', 'set', 'eth0', 'address', MAC]);
  }
  const range = ['--bind-interfaces', '--dhcp-range=198.51.100.100,198.51.100.200,1h'];
  running.push(await startDnsmasq(other, 'dhcp', range));
  await mkdir(join(lab.folder, 'artifacts'));
  await artifact('vmlinuz', KERNEL);
  await artifact('root.squashfs', Buffer.alloc(8192, 'r'));
});
afterEach(async () => {
  for (const each of running) await each.stop('SIGKILL');
  await other?.destroy();
  await lab?.destroy();
});

/** Both networks, with the addresses of the server and of the DHCP server there. */
const sides = () => [
  { network: lab.network, address: SERVER_ADDRESS, dhcp: DHCP_ADDRESS },
  { network: other, address: OTHER_ADDRESS, dhcp: OTHER_DHCP },
];

async function artifact(name: string, content: Uint8Array): Promise<void> {
  const path = join(lab.folder, 'artifacts', name);
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

/** Joins the server's second interface, eth1, and the switch of the second network. */
async function layCable(): Promise<void> {
  const holder = other.start('switch', 'sh', ['-c', 'echo here; exec sleep infinity']);
  await holder.until(/here/);
  const { network } = lab;
  const peer = ['peer', 'name', 'p-server', 'netns', String(holder.child.pid)];
  await network.must('server', 'ip', ['link', 'add', 'eth1', 'type', 'veth', ...peer]);
  await other.must('switch', 'ip', ['link', 'set', 'p-server', 'master', 'br0', 'up']);
  await network.must('server', 'ip', ['address', 'add', `${OTHER_ADDRESS}/24`, 'dev', 'eth1']);
  await network.must('server', 'ip', ['link', 'set', 'eth1', 'up']);
  await holder.stop();
}

async function serve(args: readonly string[] = []): Promise<Running> {
  const daemon = await lab.serve(args);
  running.push(daemon);
  return daemon;
}

const curl = (network: Network, ...args: readonly string[]) =>
  network.must('client', 'curl', ['-sS', '--max-time', '60', ...args]);

/** The addresses of all URLs in a text, each once. */
const addressesIn = (text: string) => [
  ...new Set([...text.matchAll(/\b(?:http|nbd)[a-z+]*:(?:\/\/)?([\d.]+\d)/g)].map(([, address]) => address)),
];

/** What a client gets from the server by TFTP. */
async function tftp(network: Network, address: string, name: string): Promise<string> {
  const file = join(lab.folder, `tftp-${address}`);
  await network.must('client', 'atftp', ['-g', '-r', name, '-l', file, address]);
  return readFile(file, 'utf8');
}

describe('one daemon in two networks', () => {
  test('says where it listens, and listens on both addresses', async () => {
    const daemon = await serve();
    expect(daemon.output).toContain(
      `dhcp listens on ${[SERVER_ADDRESS, OTHER_ADDRESS].map((each) => `${each}:67, ${each}:4011`).join(', ')}`,
    );
    expect(await listeningIn(lab.network)).toEqual(
      [SERVER_ADDRESS, OTHER_ADDRESS]
        .flatMap((each) => [
          ...[`tcp ${each}:10809`, `tcp ${each}:8080`, `udp ${each}:4011`, `udp ${each}:67`, `udp ${each}:69`],
        ])
        .concat(['udp 255.255.255.255%eth0:67', 'udp 255.255.255.255%eth1:67'])
        .sort(),
    );
  });

  test('answers DHCP in each with the address of that, and nothing in the other', async () => {
    const daemon = await serve(['--verbose']);
    const [one, two] = sides();
    for (const [here, there] of [
      [one, two],
      [two, one],
    ] as const) {
      if (!here || !there) throw new Error('two networks');
      const bystander = shoot(there.network, 'client', 68, []);
      await bystander.until(/"ready"/);
      const client = shoot(here.network, 'client', 68, [
        { packet: aPacket({}, { flags: 0x8000 }) },
        { packet: aPacket({ 53: hex('03') }, { ciaddr: '192.0.2.77' }), address: here.address, port: 4011 },
      ]);
      const offer = await replyFrom(client, `${here.address}:67`);
      expect(offer).toMatchObject({ siaddr: here.address, file: ascii('snponly.efi'), yiaddr: '0.0.0.0' });
      // The lease is from the DHCP server of this network.
      expect((await replyFrom(client, `${here.dhcp}:67`)).yiaddr).toMatch(new RegExp(`^${here.dhcp}\\d\\d$`));
      await client.stop();
      // iPXE is told the URL of its script.
      const chained = aPacket({ 77: ascii('iPXE'), 175: hex('130101') }, { flags: 0x8000, xid: 0x77 });
      const ipxe = shoot(here.network, 'client', 68, [{ packet: chained }]);
      const { file } = await replyFrom(ipxe, `${here.address}:67`);
      expect(Buffer.from(file).toString()).toMatch(`http://${here.address}:8080/ipxe`);
      // A relay asks by an address of this network.
      const giaddr = here.address.replace(/10$/, '20');
      await ipxe.stop();
      const relay = shoot(here.network, 'client', 67, [{ packet: aPacket({}, { giaddr }), address: here.address }]);
      expect(await replyFrom(relay, `${here.address}:67`)).toMatchObject({ giaddr, siaddr: here.address });
      await relay.stop();
      expect(client.output + ipxe.output + relay.output).not.toContain(`"from":"${there.address}`);
      expect(bystander.output).not.toContain('"from"');
      await bystander.stop();
    }
    expect(daemon.output.match(/"event":"dhcp\.offer"/g)).toHaveLength(6);
    // A real client of each network.
    for (const { network } of sides()) {
      const pxe = ['-V', 'PXEClient:Arch:00007:UNDI:003016', '-x', '0x5d:0007'];
      const args = ['-f', '-q', '-n', '-t', '1', '-T', '1', '-i', 'eth0', '-s', '/bin/true'];
      running.push(network.start('client', 'busybox', ['udhcpc', ...args, ...pxe]));
    }
    await daemon.until(/(?:"event":"dhcp\.offer"[\s\S]*){8}/);
  });

  test('gives scripts, files and block devices by the address of the network', async () => {
    await serve();
    for (const { network, address } of sides()) {
      const script = await curl(network, `http://${address}:8080/ipxe/${MAC}`);
      expect(addressesIn(script)).toEqual([address]);
      expect(script).toContain(`slipway.report=http://${address}:8080/report/`);
      const [kernel = ''] = /http:\S+vmlinuz/.exec(script) ?? [];
      const file = join(lab.folder, `kernel-${address}`);
      await curl(network, '-o', file, kernel);
      expect((await readFile(file)).equals(KERNEL)).toBe(true);
      for (const path of ['ipxe', 'autoexec.ipxe', 'boot/autoexec.ipxe'])
        expect(addressesIn(await curl(network, `http://${address}:8080/${path}`))).toEqual([address]);
      expect(await curl(network, `http://${address}:8080/ipxe/${MAC}?explain`)).toContain(`http://${address}:8080/`);
      expect(addressesIn(await tftp(network, address, 'autoexec.ipxe'))).toEqual([address]);
      // NBD's server speaks first.
      const nbd = 'import socket,sys; print(socket.create_connection((sys.argv[1],10809)).recv(8))';
      expect(await network.must('client', 'python3', ['-c', nbd, address])).toContain('NBDMAGIC');
    }
  });

  test('chooses the network also where it listens on all addresses', async () => {
    await writeFile(lab.configFile, config('interfaces: [eth0, eth1], listen: any'));
    const daemon = await serve();
    expect(daemon.output).toContain('http listens on 0.0.0.0:8080');
    for (const { network, address } of sides()) {
      expect(addressesIn(await curl(network, `http://${address}:8080/ipxe/${MAC}`))).toEqual([address]);
      expect(addressesIn(await tftp(network, address, 'autoexec.ipxe'))).toEqual([address]);
      // A proxy of this host passes on how the client called it.
      const url = `http://127.0.0.1:8080/ipxe/${MAC}`;
      const passed = await lab.network.must('server', 'curl', ['-sS', '-H', `Host: ${address}`, url]);
      expect(addressesIn(passed)).toEqual([address]);
    }
  });
});

test('commands take the first of several addresses, and name them all to a proxy', async () => {
  const urls = '[{ interface: eth1, url: "http://b.example.net" }, { interface: eth0, url: "http://a.example.net" }]';
  const slipway = (...args: readonly string[]) => {
    const cli = [join(TOP, 'dist/cli.js'), ...args, '--config', lab.configFile];
    return lab.network.must('server', process.execPath, cli);
  };
  expect(await slipway('check')).toContain('valid');
  expect(addressesIn(await slipway('script', MAC))).toEqual([SERVER_ADDRESS]);
  await serve();
  expect(await slipway('status')).toContain('no machine has asked');
  await writeFile(lab.configFile, config(`interfaces: ${urls}`));
  const nginx = await slipway('deploy', 'nginx');
  expect(nginx).toContain(`server ${OTHER_ADDRESS}:8080;`);
  expect(nginx).toContain('server_name b.example.net a.example.net;');
});

test('DHCP does not start where it would hear the broadcasts of every interface', async () => {
  const daemon = runScript(lab.network, 'server', 'dhcp-daemon.ts', [
    SERVER_ADDRESS,
    'eth0',
    'no-kernel',
    'only-there',
  ]);
  expect((await daemon.exit).code).toBe(1);
  expect(daemon.output).toMatch(/cannot hear the broadcasts of eth0 alone: that needs the package koffi/);
});

describe('a change of the networks that are served', () => {
  test('takes effect at once, and does not disturb a download in the one that stays', async () => {
    await writeFile(lab.configFile, config('interface: eth0, http: { workers: 2 }'));
    const daemon = await serve();
    const { network } = lab;
    const gate = join(lab.folder, 'gate');
    await network.must('client', 'mkfifo', [gate]);
    // It reads on once the gate is opened.
    const url = `http://${SERVER_ADDRESS}:8080/artifacts/vmlinuz`;
    const download = network.start('client', 'sh', [
      '-c',
      `curl -sS "$1" | { head -c 65536; echo begun >&2; cat "$2" >&2; cat; } | sha256sum`,
      ...['sh', url, gate],
    ]);
    running.push(download);
    await download.until(/begun/);
    await expect(curl(other, `http://${OTHER_ADDRESS}:8080/healthz`)).rejects.toThrow();

    await writeFile(lab.configFile, BOTH);
    await daemon.until(/"event":"config.loaded"/);
    await daemon.until(new RegExp(`http listens on ${SERVER_ADDRESS}:8080, ${OTHER_ADDRESS}:8080`));
    for (const side of sides()) {
      const script = await curl(side.network, `http://${side.address}:8080/ipxe/${MAC}`);
      expect(addressesIn(script)).toEqual([side.address]);
      const client = shoot(side.network, 'client', 68, [{ packet: aPacket({}, { flags: 0x8000 }) }]);
      expect(await replyFrom(client, `${side.address}:67`)).toMatchObject({ siaddr: side.address });
      await client.stop();
    }

    await writeFile(lab.configFile, config('interface: eth0, http: { workers: 2 }'));
    await daemon.until(/(?:"event":"config.loaded"[\s\S]*){2}/);
    expect((await listeningIn(lab.network)).join()).not.toContain(OTHER_ADDRESS);
    await network.must('client', 'sh', ['-c', 'echo > "$1"', 'sh', gate]);
    const { code, stdout } = await download.exit;
    expect([code, stdout.slice(0, 64)]).toEqual([0, createHash('sha256').update(KERNEL).digest('hex')]);
  });

  test('is an interface that was removed and made again; the other goes on', async () => {
    await writeFile(lab.configFile, config('interfaces: [eth0, eth1], http: { workers: 1 }'));
    const daemon = await serve();
    await lab.network.must('server', 'ip', ['link', 'delete', 'eth1']);
    await layCable();
    const isHeard = async ({ network, address }: { network: Network; address: string }) => {
      const client = shoot(network, 'client', 68, [{ packet: aPacket({}, { flags: 0x8000 }) }]);
      await client.until(/"ready"/);
      const heard = await client.until(new RegExp(`"from":"${address}:67"`), 3).catch(() => undefined);
      await client.stop();
      return heard !== undefined;
    };
    for (const side of sides()) {
      await expect.poll(() => isHeard(side), { timeout: 60_000 }).toBe(true);
      const script = await curl(side.network, `http://${side.address}:8080/ipxe/${MAC}`);
      expect(addressesIn(script)).toEqual([side.address]);
    }
    expect((await daemon.stop()).code).toBe(0);
  });

  test('is refused where an interface does not exist', async () => {
    const daemon = await serve();
    await writeFile(lab.configFile, config('interfaces: [eth0, eth7]'));
    await daemon.until(/"config.refused".*server\.interfaces\[1\]: eth7 does not exist or has no IPv4 address/);
    expect((await listeningIn(lab.network)).join()).toContain(OTHER_ADDRESS);
  });
});
