import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dhcpNetwork, SERVER, startDnsmasq } from '../support/dhcp-lab.ts';
import { TOP } from '../support/lab.ts';
import type { Network } from '../support/network.ts';
import type { Running } from '../support/process.ts';

let network: Network;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-init-'));
  network = await dhcpNetwork();
  for (const [host, address] of [
    ['dhcp', '192.0.2.1'],
    ['other', '192.0.2.2'],
  ] as const)
    await network.addHost(host, `${address}/24`);
});
afterAll(async () => {
  await network?.destroy();
  await rm(folder, { recursive: true });
});

const slipway = (...args: string[]) =>
  network.must('server', process.execPath, [join(TOP, 'dist/cli.js'), ...args], { cwd: folder });

test('without DHCP servers says that machines need one, and writes a configuration that is right', async () => {
  const said = await slipway('init', '--yes', '--file', 'first.yaml');
  expect(said).toContain('- no DHCP server has answered: machines need one for their addresses');
  expect(await readFile(join(folder, 'first.yaml'), 'utf8')).toMatch(/^server:\n {2}interface: eth0$/m);
  await slipway('check', '--config', 'first.yaml');
});

test('names the DHCP servers of the network, and what to change of each', async () => {
  const servers: Running[] = [
    await startDnsmasq(network, 'dhcp'),
    await startDnsmasq(network, 'other', ['--dhcp-boot=pxelinux.0']),
  ];
  const said = await slipway('init', '--yes', '--file', 'second.yaml');
  expect(said).toContain('- the DHCP server 192.0.2.1 answers on eth0; it needs no change\n');
  expect(said).toContain(
    '- the DHCP server 192.0.2.2 answers on eth0, and names the boot file "pxelinux.0": take that out',
  );
  for (const server of servers) await server.stop();
});

test('tells one on this machine to share the port', async () => {
  const server = await startDnsmasq(network, 'server');
  const said = await slipway('init', '--yes', '--file', 'third.yaml');
  expect(said).toContain(`- the DHCP server ${SERVER} answers on eth0, on this machine: it must share port 67`);
  await server.stop();
});
