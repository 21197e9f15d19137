import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { aPacket, ascii } from '../support/dhcp.ts';
import { replyFrom, runScript, SERVER, shoot } from '../support/dhcp-lab.ts';
import { createLab, type Lab, listeningIn } from '../support/lab.ts';
import type { Running } from '../support/process.ts';

/** The server's address on a second network, and that of a client there. */
const OTHER = '198.51.100.10';
const CONFIG = `
server: { interface: eth0, http: { workers: 1 } }
artifacts: ./artifacts
images:
  plain: { kernel: "http://192.0.2.9/vmlinuz" }
  lazy: { kernel: "http://192.0.2.9/vmlinuz", root: { method: lazy, source: root.squashfs } }
nodes: { n001: { mac: "52:54:00:00:00:77", image: lazy } }
unknown: { action: boot, image: plain }
`;

let lab: Lab;

beforeEach(async () => {
  lab = await createLab(CONFIG);
  const { network } = lab;
  // A second interface of the server, by a cable of its own to a host of its own.
  await network.addHost('stranger');
  await network.must('stranger', 'ip', ['link', 'delete', 'eth0']);
  await layCable(network.start('stranger', 'sleep', ['infinity']));
  await network.must('client', 'ip', ['route', 'add', 'default', 'dev', 'eth0']);
});
afterEach(() => lab?.destroy());

/** Joins the server's second interface and the stranger's host, in which a process runs. */
async function layCable(holder: Running): Promise<void> {
  const { network } = lab;
  const cable = ['link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(holder.child.pid)];
  await network.must('server', 'ip', cable);
  await network.must('server', 'ip', ['address', 'add', `${OTHER}/24`, 'dev', 'eth1']);
  await network.must('server', 'ip', ['link', 'set', 'eth1', 'up']);
  await network.must('stranger', 'ip', ['address', 'add', '198.51.100.20/24', 'dev', 'eth0']);
  await network.must('stranger', 'ip', ['link', 'set', 'eth0', 'up']);
  await network.must('stranger', 'ip', ['route', 'add', 'default', 'dev', 'eth0']);
}

test('every service listens on the served address, and DHCP hears its interface alone', async () => {
  const daemon = await lab.serve(['--verbose']);
  expect(await listeningIn(lab.network)).toEqual([
    `tcp ${SERVER}:10809`,
    `tcp ${SERVER}:8080`,
    `udp ${SERVER}:4011`,
    `udp ${SERVER}:67`,
    `udp ${SERVER}:69`,
    'udp 255.255.255.255%eth0:67',
  ]);
  const { network } = lab;
  const discover = (xid: number) => ({ packet: aPacket({}, { xid, flags: 0x8000 }) });
  const stranger = shoot(network, 'stranger', 68, [discover(1), { ...discover(2), address: SERVER }]);
  await stranger.until(/"ready"/);
  const client = shoot(network, 'client', 68, [discover(3)]);
  expect(await replyFrom(client, `${SERVER}:67`)).toMatchObject({ xid: 3, file: ascii('snponly.efi') });
  await daemon.until(/"event":"dhcp.offer"/);
  const offers = [...daemon.output.matchAll(/"event":"dhcp\.(?:offer|ack|silent)"/g)].map(([event]) => event);
  expect(offers).toEqual(['"event":"dhcp.offer"']);
  expect(stranger.output).not.toContain('"from"');
  // The other address is not served at all; from this host the served one is.
  for (const [address, code] of [
    [OTHER, 7],
    [SERVER, 0],
  ] as const) {
    const { code: found } = await network.run('server', 'curl', [
      '-sS',
      '-o',
      '/dev/null',
      `http://${address}:8080/healthz`,
    ]);
    expect([address, found]).toEqual([address, code]);
  }
  // A relay on the other network asks by the served address.
  const relayed = shoot(network, 'stranger', 67, [
    { packet: aPacket({}, { giaddr: '198.51.100.20' }), address: SERVER },
  ]);
  await network.must('stranger', 'ip', ['route', 'replace', 'default', 'via', OTHER]);
  expect(await replyFrom(relayed, `${SERVER}:67`)).toMatchObject({ giaddr: '198.51.100.20' });
  for (const each of [stranger, client, relayed, daemon]) await each.stop();
});

test('every address is served where the configuration says so, and DHCP still hears one interface', async () => {
  await writeFile(lab.configFile, CONFIG.replace('interface: eth0,', 'interface: eth0, listen: any,'));
  const daemon = await lab.serve();
  expect(await listeningIn(lab.network)).toEqual([
    ...['tcp 0.0.0.0:10809', 'tcp 0.0.0.0:8080', 'udp 0.0.0.0:69'],
    ...[`udp ${SERVER}:4011`, `udp ${SERVER}:67`, 'udp 255.255.255.255%eth0:67'],
  ]);
  const { network } = lab;
  await network.must('stranger', 'curl', ['-sSf', '-o', '/dev/null', `http://${OTHER}:8080/healthz`]);
  const script = join(lab.folder, 'autoexec.ipxe');
  await network.must('stranger', 'atftp', ['-g', '-r', 'autoexec.ipxe', '-l', script, OTHER]);
  // A change of it takes effect at once, on the same ports.
  await writeFile(lab.configFile, CONFIG);
  await daemon.until(/http listens on 192\.0\.2\.10:8080/);
  await daemon.until(/nbd listens on 192\.0\.2\.10:10809/);
  expect(await listeningIn(lab.network)).not.toContain('tcp 0.0.0.0:8080');
  await daemon.stop();
});

test('an interface that is removed and made again is heard again', async () => {
  const { network } = lab;
  const daemon = runScript(network, 'server', 'dhcp-daemon.ts', [OTHER, 'eth1']);
  await daemon.until(/"event":"ready"/);
  const holder = network.start('stranger', 'sleep', ['infinity']);
  await network.must('server', 'ip', ['link', 'delete', 'eth1']);
  await layCable(holder);
  await expect
    .poll(
      async () => {
        const client = shoot(network, 'stranger', 68, [{ packet: aPacket() }]);
        await client.until(/"ready"/);
        await setTimeout(200);
        await client.stop();
        return client.output.includes(`"from":"${OTHER}:67"`);
      },
      { timeout: 10_000 },
    )
    .toBe(true);
  await daemon.stop();
});

test('without koffi the broadcasts of every interface are heard, and that is said', async () => {
  const daemon = runScript(lab.network, 'server', 'dhcp-daemon.ts', [SERVER, 'eth0', 'no-kernel']);
  await daemon.until(/"dhcp.every-interface","level":"warn","message":"[^"]*eth0 alone[^"]*koffi/);
  const stranger = shoot(lab.network, 'stranger', 68, [{ packet: aPacket() }]);
  await daemon.until(/"dhcp.offer"/);
  for (const each of [stranger, daemon]) await each.stop();
});
