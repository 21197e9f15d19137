import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aPacket, ascii, hex } from '../support/dhcp.ts';
import { dhcpNetwork, replyFrom, runScript, SERVER, shoot, startDaemon, startDnsmasq } from '../support/dhcp-lab.ts';
import { TOP } from '../support/lab.ts';
import { Network } from '../support/network.ts';
import type { Running } from '../support/process.ts';

const MAC = '52:54:00:00:00:21';
const IGNORED = hex('525400000099 00000000000000000000');
const REQUEST = { 53: Uint8Array.of(3) };

describe('proxyDHCP beside an ordinary DHCP server on the same network', () => {
  let network: Network;
  let daemon: Running;
  let dnsmasq: Running;

  beforeAll(async () => {
    network = await dhcpNetwork();
    await network.addHost('dhcp', '192.0.2.1/24');
    await network.must('client', 'ip', ['link', 'set', 'eth0', 'address', MAC]);
    dnsmasq = await startDnsmasq(network, 'dhcp', ['--bind-interfaces']);
    daemon = await startDaemon(network);
  });
  afterAll(() => network?.destroy());

  test('offers a boot file while the other server offers a lease', async () => {
    const client = shoot(network, 'client', 68, [{ packet: aPacket({}, { flags: 0x8000 }) }]);
    const [proxy, withOnClose] = await Promise.all([
      replyFrom(client, `${SERVER}:67`),
      replyFrom(client, '192.0.2.1:67'),
    ]);
    expect(proxy).toMatchObject({ yiaddr: '0.0.0.0', siaddr: SERVER, file: ascii('snponly.efi') });
    expect(withOnClose.options.get(60)).toBeUndefined();
    expect(withOnClose.yiaddr).toMatch(/^192\.0\.2\.1/);
    await client.stop();
  });

  test.each([68, 4011])('answers on port 4011, from port 4011, to port %i', async (port) => {
    const packet = aPacket(REQUEST, { ciaddr: '192.0.2.20' });
    const client = shoot(network, 'client', port, [{ packet, address: SERVER, port: 4011 }]);
    const ack = await replyFrom(client, `${SERVER}:4011`);
    expect(ack).toMatchObject({ ciaddr: '192.0.2.20', siaddr: SERVER, file: ascii('snponly.efi') });
    await client.stop();
  });

  test('serves busybox udhcpc with a PXE class', async () => {
    const args = ['-f', '-q', '-n', '-t', '1', '-T', '1', '-i', 'eth0', '-s', '/bin/true'];
    const pxe = ['-V', 'PXEClient:Arch:00007:UNDI:003016', '-x', '0x5d:0007'];
    const client = network.start('client', 'busybox', ['udhcpc', ...args, ...pxe]);
    const [line] = await daemon.until(new RegExp(`.*"dhcp.offer".*"mac":"${MAC}".*`));
    expect(JSON.parse(line)).toMatchObject({ arch: 7, client: 'pxe', file: 'snponly.efi', to: '255.255.255.255:68' });
    await client.stop();
  });

  test('leaves an ordinary busybox udhcpc to the other server', async () => {
    const args = ['-f', '-q', '-n', '-i', 'eth0', '-s', '/bin/true', '-V', 'an ordinary client'];
    expect(await network.must('client', 'busybox', ['udhcpc', ...args])).toBeDefined();
    await daemon.until(/"dhcp.silent".*"detail":"an ordinary client"/);
    await dnsmasq.until(new RegExp(`DHCPACK.*${MAC}`));
  });

  test('is understood by the client of the npm package dhcp', async () => {
    const client = runScript(network, 'client', 'npm-dhcp-client.ts', [MAC, 'PXEClient:Arch:00007:UNDI:003016']);
    const [line] = await client.until(/.*"siaddr":"192\.0\.2\.10".*/);
    expect(JSON.parse(line)).toMatchObject({
      ...{ op: 2, hlen: 6, yiaddr: '0.0.0.0', siaddr: SERVER, sname: SERVER, file: 'snponly.efi' },
      options: { 53: 2, 54: SERVER, 60: 'PXEClient', 67: 'snponly.efi' },
    });
    await client.stop();
  });

  test('leaves the client of the npm package dhcp to the other server where it has no PXE class', async () => {
    const client = runScript(network, 'client', 'npm-dhcp-client.ts', ['52:54:00:00:00:22']);
    const [line] = await client.until(/.*"54":"192\.0\.2\.1".*/);
    expect(JSON.parse(line)).toMatchObject({ op: 2, options: { 53: 2, 54: '192.0.2.1' } });
    await daemon.until(/"dhcp.silent".*"reason":"vendor-class","detail":""/);
    expect(client.output).not.toContain(SERVER);
    await client.stop();
  });

  test('says nothing to a machine that the configuration ignores', async () => {
    const client = shoot(network, 'client', 68, [
      { packet: aPacket({}, { chaddr: IGNORED, xid: 0x99 }) },
      { packet: aPacket(REQUEST, { chaddr: IGNORED, xid: 0x99 }), address: SERVER, port: 4011 },
      // What comes after it is answered, so its answer would have come before.
      { packet: aPacket(REQUEST, { xid: 0x9a }), address: SERVER, port: 4011 },
    ]);
    expect(await replyFrom(client, `${SERVER}:4011`)).toMatchObject({ xid: 0x9a });
    await daemon.until(/"mac":"52:54:00:00:00:99"/);
    expect(client.output).not.toContain(`"from":"${SERVER}:67"`);
    await client.stop();
  });

  test('is not found by a search for DHCP servers, which finds the other one', async () => {
    const found = await network.must('client', 'nmap', ['--script', 'broadcast-dhcp-discover', '-e', 'eth0']);
    expect(found).toContain('Server Identifier: 192.0.2.1');
    expect(found).not.toContain(SERVER);
  });

  test('takes relayed requests at a rate', async () => {
    // It does not wait for the answer to its last request, and exits with 3 where one is missing.
    const { stdout: report } = await network.run('client', 'perfdhcp', [
      ...['-4', '-i', '-l', 'eth0', '-r', '300', '-n', '600', '-R', '200'],
      ...['-o', `60,${Buffer.from('PXEClient:Arch:00007:UNDI:003016').toString('hex')}`, '-o', '93,0007', SERVER],
    ]);
    const [, received = '0'] = /received packets: (\d+)/.exec(report) ?? [];
    expect(Number(received)).toBeGreaterThan(550);
  });

  test('refuses to be started twice, and says which port and what helps', async () => {
    const second = runScript(network, 'server', 'dhcp-daemon.ts', [SERVER]);
    expect((await second.exit).code).toBe(1);
    expect(second.output).toMatch(/"code":"EADDRINUSE","message":"DHCP: UDP port 4011 of 192\.0\.2\.10 is in use/);
  });

  test('needs a privilege for port 67, and says which', async () => {
    const before = ['setpriv', '--bounding-set', '-net_bind_service'];
    const other = runScript(network, 'dhcp', 'dhcp-daemon.ts', ['192.0.2.1'], undefined, before);
    expect((await other.exit).code).toBe(1);
    expect(other.output).toMatch(/"code":"EACCES","message":"DHCP: no permission to open UDP port 67 .*CAP_NET_BIND_/);
  });

  test('stops', async () => {
    await network.addHost('other', '192.0.2.30/24');
    const other = await startDaemon(network, 'other', '192.0.2.30');
    expect(await other.stop()).toMatchObject({ code: 0 });
  });
});

describe('proxyDHCP by way of a relay', () => {
  let network: Network;

  beforeAll(async () => {
    network = await Network.create();
    await network.addHost('server', `${SERVER}/24`);
    await network.addHost('relay', '192.0.2.9/24');
    await network.addHost('client');
    await network.must('server', 'ip', ['route', 'add', '198.51.100.0/24', 'via', '192.0.2.9']);
    // The client's interface becomes one on a cable of its own to the relay.
    const holder = network.start('client', 'sleep', ['infinity']);
    await network.must('client', 'ip', ['link', 'delete', 'eth0']);
    const cable = ['link', 'add', 'leg', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(holder.child.pid)];
    await network.must('relay', 'ip', cable);
    await network.must('relay', 'ip', ['address', 'add', '198.51.100.1/24', 'dev', 'leg']);
    await network.must('relay', 'ip', ['link', 'set', 'leg', 'up']);
    await network.must('client', 'ip', ['address', 'add', '198.51.100.20/24', 'dev', 'eth0']);
    await network.must('client', 'ip', ['link', 'set', 'eth0', 'up']);
    await network.must('client', 'ip', ['route', 'add', 'default', 'dev', 'eth0']);
  });
  afterAll(() => network?.destroy());

  test('offers a boot file to a client of another network', async () => {
    const daemon = await startDaemon(network);
    const args = ['-4', '-d', '--no-pid', '-a', '-id', 'leg', '-iu', 'eth0', SERVER];
    const relay = network.start('relay', 'dhcrelay', args);
    await relay.until(/Sending on\s+Socket/);
    const client = shoot(network, 'client', 68, [{ packet: aPacket() }]);
    const offer = await replyFrom(client, '198.51.100.1:67');
    expect(offer).toMatchObject({ giaddr: '198.51.100.1', siaddr: SERVER, flags: 0x8000, file: ascii('snponly.efi') });
    const [line] = await daemon.until(/.*"dhcp.offer".*/);
    expect(JSON.parse(line)).toMatchObject({ to: '198.51.100.1:67' });
    await client.stop();
  });
});

describe('proxyDHCP on the host of a DHCP server', () => {
  let network: Network;

  beforeAll(async () => {
    network = await dhcpNetwork();
  });
  afterAll(() => network?.destroy());

  const discover = aPacket({}, { flags: 0x8000 });
  /** A lease that is renewed: an ordinary client asks the server that it has it from. */
  const renewal = (xid: number) =>
    aPacket({ 53: hex('03'), 60: undefined, 93: undefined }, { xid, ciaddr: '192.0.2.20' });

  test('keeps to port 4011 where the other server keeps port 67 to itself, and says what helps', async () => {
    const dnsmasq = await startDnsmasq(network, 'server', ['--dhcp-option=60,PXEClient']);
    const daemon = runScript(network, 'server', 'dhcp-daemon.ts', [SERVER]);
    await daemon.until(/"event":"ready","listening":\["192\.0\.2\.10:4011"\]/);
    expect(daemon.output).toMatch(/"dhcp.fallback","level":"warn".*bind-interfaces.*dhcp-option=60,PXEClient/);
    const client = shoot(network, 'client', 68, [
      { packet: discover },
      { packet: aPacket(REQUEST, { ciaddr: '192.0.2.20' }), address: SERVER, port: 4011 },
    ]);
    expect((await replyFrom(client, `${SERVER}:67`)).options.get(60)).toEqual(ascii('PXEClient'));
    expect(await replyFrom(client, `${SERVER}:4011`)).toMatchObject({ file: ascii('snponly.efi') });
    for (const each of [client, daemon, dnsmasq]) await each.stop();
  });

  test('shares port 67 with a server that lets it, and leaves it its unicasts', async () => {
    const dnsmasq = await startDnsmasq(network, 'server', ['--bind-interfaces']);
    const daemon = runScript(network, 'server', 'dhcp-daemon.ts', [SERVER]);
    await daemon.until(/"event":"ready","listening":\["192\.0\.2\.10:67","192\.0\.2\.10:4011"\]/);
    expect(daemon.output).toContain('"event":"dhcp.shared"');
    const client = shoot(network, 'client', 68, [{ packet: renewal(0x5001), address: SERVER }, { packet: discover }]);
    await dnsmasq.until(/20481 .*DHCPREQUEST/s);
    // Both servers answer from the same address and port.
    await client.until(new RegExp(`${Buffer.from('snponly.efi').toString('hex')}`));
    await dnsmasq.until(/DHCPOFFER/);
    expect(daemon.output).not.toContain('"from":"192.0.2.20"');
    for (const each of [client, daemon, dnsmasq]) await each.stop();
  });

  test('leaves unicasts to a server that was started later from the first one on that it sees', async () => {
    const daemon = await startDaemon(network);
    expect(daemon.output).not.toContain('dhcp.shared');
    const dnsmasq = await startDnsmasq(network, 'server', ['--bind-interfaces']);
    const first = shoot(network, 'client', 68, [{ packet: renewal(0x6001), address: SERVER }]);
    await daemon.until(/"dhcp.shared"/);
    await first.stop();
    const second = shoot(network, 'client', 68, [{ packet: renewal(0x6002), address: SERVER }, { packet: discover }]);
    await dnsmasq.until(/24578 .*DHCPREQUEST/s);
    await second.until(new RegExp(Buffer.from('snponly.efi').toString('hex')));
    for (const each of [second, daemon, dnsmasq]) await each.stop();
  });

  test('says at its start what has to be started before it, and what is started later does not start', async () => {
    const daemon = await startDaemon(network);
    expect(daemon.output).toMatch(/"dhcp.port","level":"info","message":"[^"]*dnsmasq without bind-interfaces/);
    // It asks for the port with neither SO_REUSEADDR nor SO_REUSEPORT.
    await expect(startDnsmasq(network, 'server')).rejects.toThrow(/failed to bind DHCP server socket: Address already/);
    await daemon.stop();
    const dnsmasq = await startDnsmasq(network, 'server');
    const later = await startDaemon(network);
    expect(later.output).toMatch(/"dhcp.fallback"/);
    for (const each of [dnsmasq, later]) await each.stop();
  });

  test('is not talked out of port 67 by unicasts where there is no other server', async () => {
    const daemon = await startDaemon(network);
    const client = shoot(network, 'client', 68, [{ packet: renewal(0x7001), address: SERVER }, { packet: discover }]);
    await replyFrom(client, `${SERVER}:67`);
    const relayed = shoot(network, 'client', 67, [{ packet: aPacket({}, { giaddr: '192.0.2.20' }), address: SERVER }]);
    expect(await replyFrom(relayed, `${SERVER}:67`)).toMatchObject({ giaddr: '192.0.2.20' });
    expect(daemon.output).not.toContain('dhcp.shared');
    for (const each of [client, relayed, daemon]) await each.stop();
  });
});

describe('a flood of packets', () => {
  let network: Network;

  beforeAll(async () => {
    network = await dhcpNetwork();
  });
  afterAll(() => network?.destroy());

  test('of 100,000 random and mutated ones to each port neither stops the server nor makes it grow', async () => {
    const daemon = await startDaemon(network);
    const memory = async (): Promise<number> => {
      const seen = daemon.output.split('"event":"memory"').length - 1;
      // The namespace's command is the daemon itself: ip replaces itself by it.
      daemon.child.kill('SIGUSR2');
      await daemon.until(new RegExp(`(?:"event":"memory"[^]*){${seen + 1}}`));
      return Number([...daemon.output.matchAll(/"rss":(\d+)/g)].at(-1)?.[1]);
    };
    const before = await memory();
    const flood = join(TOP, 'test/support/udp-flood.ts');
    const args = ['--import', 'tsx', flood, SERVER, '100000', '67', '4011'];
    const done = network.must('client', process.execPath, args, { cwd: TOP });
    const client = shoot(network, 'client', 4011, [{ packet: aPacket(REQUEST), address: SERVER, port: 4011 }]);
    expect(JSON.parse(await done)).toEqual({ sent: 200_000 });
    await client.stop();
    const after = shoot(network, 'client', 68, [
      { packet: aPacket({}, { xid: 0xabc }) },
      { packet: aPacket(REQUEST, { xid: 0xabd }), address: SERVER, port: 4011 },
    ]);
    expect(await replyFrom(after, `${SERVER}:67`)).toMatchObject({ xid: 0xabc, file: ascii('snponly.efi') });
    expect(await replyFrom(after, `${SERVER}:4011`)).toMatchObject({ xid: 0xabd });
    expect((await memory()) - before).toBeLessThan(150 * 2 ** 20);
    expect(daemon.output).not.toContain('could not be handled');
    await after.stop();
    expect(await daemon.stop()).toMatchObject({ code: 0 });
  });
});
