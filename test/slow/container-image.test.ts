import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { decodePacket, type Packet } from '../../src/dhcp/codec/packet.ts';
import { aPacket } from '../support/dhcp.ts';
import { dhcpNetwork, SERVER, shoot } from '../support/dhcp-lab.ts';
import { TOP } from '../support/lab.ts';
import type { Network } from '../support/network.ts';
import { must, type Running } from '../support/process.ts';

const PACKAGING = join(TOP, 'packaging/container');
const BASE = 'localhost/base';
/** As a machine has it whose hierarchy of control groups containers' programs do not know. */
const PLAIN_CGROUPS = [
  ...['unshare', '--mount', 'sh', '-c'],
  'mount -t tmpfs tmpfs /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"',
  ...['sh', 'podman'],
] as const;

const NODE = `
images: { debian: { kernel: k, initrd: i } }
nodes: { n001: { mac: "52:54:00:00:00:01", image: debian } }
`;

let folder: string;
let network: Network;
let env: NodeJS.ProcessEnv;
let log: Running;

/** Podman on the machine itself, for what needs Debian's packages. */
const build = (...args: readonly string[]) => must(PLAIN_CGROUPS[0], [...PLAIN_CGROUPS.slice(1), ...args], { env });
/** Podman on the lab's server. */
const attempt = (...args: readonly string[]) =>
  network.run('server', PLAIN_CGROUPS[0], [...PLAIN_CGROUPS.slice(1), ...args], { env });
/** The server's log, as it comes. */
const follow = () =>
  network.start('server', PLAIN_CGROUPS[0], [...PLAIN_CGROUPS.slice(1), 'logs', '--follow', 'slipway'], { env });
async function podman(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await attempt(...args);
  if (code !== 0) throw new Error(`podman ${args.join(' ')}: ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** Has Podman keep all that it makes in the folder, and leave limits and control groups alone. */
async function setUpPodman(): Promise<void> {
  const storage = join(folder, 'storage.conf');
  await writeFile(
    storage,
    `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/storage"\nrunroot = "${folder}/run"\n`,
  );
  const containers = join(folder, 'containers.conf');
  await writeFile(
    containers,
    `[containers]\ncgroups = "disabled"\nlog_driver = "k8s-file"\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\ntmp_dir = "${folder}/libpod"\n`,
  );
  env = { ...process.env, CONTAINERS_CONF: containers, CONTAINERS_STORAGE_CONF: storage };
}

/** Builds both images on a Debian of today, where programs trust whom this machine trusts. */
async function buildImages(): Promise<void> {
  const base = join(folder, 'base.tar');
  await must('mmdebstrap', ['--quiet', '--variant=minbase', 'trixie', base]);
  await build('import', '--quiet', base, BASE);
  await writeFile(join(folder, 'npmrc'), 'cafile=/certificates.pem\n');
  const same = [
    ...['build', '--quiet', '--format', 'docker', '--isolation', 'chroot', '--network', 'host'],
    ...['--build-arg', `BASE=${BASE}`, '--file', join(PACKAGING, 'Containerfile')],
    ...['--volume', `${folder}/npmrc:/root/.npmrc:ro`],
    ...['--volume', '/etc/ssl/certs/ca-certificates.crt:/certificates.pem:ro'],
  ];
  await build(...same, '--target', 'dnsmasq', '--tag', 'localhost/slipway-dnsmasq', TOP);
  await build(...same, '--tag', 'localhost/slipway', TOP);
}

interface Service {
  readonly image: string;
  readonly volumes: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly cap_add: readonly string[];
  readonly security_opt?: readonly string[];
}

/** Starts a service of compose.yaml, as docker compose does. */
async function up(name: string): Promise<void> {
  const { services } = parse(await readFile(join(PACKAGING, 'compose.yaml'), 'utf8')) as {
    readonly services: Readonly<Record<string, Service>>;
  };
  const service = services[name];
  if (!service) throw new Error(`no service ${name}`);
  const { image, volumes, tmpfs = [], cap_add, security_opt = [] } = service;
  await podman(
    ...['run', '--detach', '--name', name, '--network', 'host', '--read-only', '--cap-drop', 'ALL'],
    ...volumes.flatMap((volume) => ['--volume', volume.replace(/^\./, folder)]),
    ...tmpfs.flatMap((path) => ['--tmpfs', path]),
    ...cap_add.flatMap((capability) => ['--cap-add', capability]),
    ...security_opt.flatMap((option) => ['--security-opt', option]),
    image,
  );
}

/** The exit status of the health check, which a timer of Podman's runs elsewhere. */
const health = async () => (await attempt('healthcheck', 'run', 'slipway')).code;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-container-'));
  await cp(PACKAGING, folder, { recursive: true });
  for (const name of ['slipway/config.yaml', 'dnsmasq.conf']) {
    const file = join(folder, name);
    await writeFile(file, (await readFile(file, 'utf8')).replace('eth1', 'eth0'));
  }
  await appendFile(join(folder, 'slipway/config.yaml'), NODE);
  await setUpPodman();
  network = await dhcpNetwork();
  await buildImages();
  await up('dnsmasq');
  const fill = 'mkdir artifacts && echo kernel > artifacts/k && echo initrd > artifacts/i';
  const state = ['--volume', 'state:/var/lib/slipway', '--workdir', '/var/lib/slipway'];
  await podman('run', '--rm', '--network', 'host', ...state, '--entrypoint', 'sh', 'localhost/slipway', '-c', fill);
  await up('slipway');
  log = follow();
  await log.until(/"event":"ready"/);
});
afterAll(async () => {
  await attempt('rm', '--force', '--all');
  await network.destroy();
  await rm(folder, { recursive: true, force: true });
});

test('the image is small, and has no compiler, no npm and no program that gives the rights of another user', async () => {
  expect(Number(await podman('image', 'inspect', '--format', '{{.Size}}', 'localhost/slipway'))).toBeLessThan(300e6);
  const look = 'id -u; command -v cc make git npm python3; find / -xdev -type f -perm /6000';
  expect((await attempt('exec', 'slipway', 'sh', '-c', look)).stdout).toBe('990\n');
  const status = await podman('exec', 'slipway', 'cat', '/proc/1/status');
  for (const set of ['Prm', 'Eff', 'Bnd']) expect(status).toMatch(new RegExp(`Cap${set}:\\s0+400\\n`));
});

test('a machine gets its address from dnsmasq, and the boot file and the script from the container', async () => {
  const client = shoot(network, 'client', 68, [{ packet: aPacket({}, { flags: 0x8000 }) }]);
  await client.until(new RegExp(`("from":"${SERVER}:67"[\\s\\S]*){2}`));
  await client.stop();
  const replies = [...client.output.matchAll(/"hex":"([0-9a-f]+)"/g)].map(
    ([, hex = '']) => decodePacket(Buffer.from(hex, 'hex')) as Packet,
  );
  const ofPxe = ({ options }: Packet) => Buffer.from(options.get(60) ?? []).toString() === 'PXEClient';
  expect(replies.filter(ofPxe).map(({ yiaddr }) => yiaddr)).toEqual(['0.0.0.0']);
  expect(replies.filter((reply) => !ofPxe(reply)).map(({ yiaddr }) => yiaddr)).toEqual([
    expect.stringMatching(/^192\.0\.2\.1\d\d$/),
  ]);
  const fetch = (url: string) => network.must('client', 'curl', ['-sS', '-o', join(folder, 'fetched'), url]);
  await fetch(`tftp://${SERVER}/snponly.efi`);
  expect((await readFile(join(folder, 'fetched'))).subarray(0, 2).toString()).toBe('MZ');
  await fetch(`http://${SERVER}:8080/ipxe/52:54:00:00:00:01`);
  expect(await readFile(join(folder, 'fetched'), 'utf8')).toMatch(
    /^#!ipxe\n[\s\S]*kernel .*http:\/\/192\.0\.2\.10:8080\//,
  );
  expect(await podman('exec', 'slipway', 'slipway', 'status')).toContain('n001');
});

test('its health check goes by the server, not by the configuration, and says when it hangs', async () => {
  expect(await health()).toBe(0);
  const config = join(folder, 'slipway/config.yaml');
  const good = await readFile(config, 'utf8');
  await writeFile(config, `${good}[`);
  await log.until(/"event":"config.refused"/);
  expect(await health()).toBe(0);
  await writeFile(config, good);
  await podman('kill', '--signal', 'STOP', 'slipway');
  expect(await health()).not.toBe(0);
  await podman('kill', '--signal', 'CONT', 'slipway');
  expect(await health()).toBe(0);
});

test('it reads its configuration at SIGHUP, and ends by itself when it is stopped', async () => {
  await podman('kill', '--signal', 'HUP', 'slipway');
  await log.until(/"event":"reload"/);
  await podman('stop', '--time', '60', 'slipway');
  expect((await podman('inspect', '--format', '{{.State.ExitCode}}', 'slipway')).trim()).toBe('0');
  await log.until(/"event":"stopped"/);
});
