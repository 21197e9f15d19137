import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { discoverPacket, serverOf } from '../../src/commands/setup/init/discover.ts';
import { dhcpAdvice, firstConfig } from '../../src/commands/setup/init/first-config.ts';
import { initConfig } from '../../src/commands/setup/init/init.ts';
import { imageOf, seenImages, seenInterfaces } from '../../src/commands/setup/init/look.ts';
import { parseConfig } from '../../src/config/yaml/parse.ts';
import { MessageType, Option } from '../../src/dhcp/codec/options.ts';
import { decodePacket, encodePacket, Op, type Packet } from '../../src/dhcp/codec/packet.ts';

const ETH0 = { name: 'eth0', address: '192.0.2.10', mac: '52:54:00:00:00:01' };
const IMAGE = { kernel: 'd/vmlinuz', initrd: 'd/initrd.img', root: { method: 'bootc-live', source: 'd/root.oci' } };

test.each([
  [{ interfaces: ['eth0'], artifacts: './artifacts', state: undefined, tokens: undefined, images: {} }],
  [
    {
      ...{ interfaces: ['eth0', 'eth1'], artifacts: '/a', state: '/s/slipway.db', tokens: '/s/slipway.tokens' },
      images: { debian: IMAGE, built: { build: 'built' } },
    },
  ],
])('a first configuration is one that the server takes', (setup) => {
  const text = firstConfig(setup);
  const parsed = parseConfig(text, 'config.yaml', '/');
  expect(parsed).toMatchObject({ ok: true });
});

test('what is said of DHCP servers: none, others, one with a boot file, one on this machine', () => {
  const server = { interface: 'eth0', address: '192.0.2.1', bootFile: undefined };
  expect(dhcpAdvice({ failed: 'no permission' }, [])).toEqual([expect.stringMatching(/not known: no permission/)]);
  expect(dhcpAdvice({ servers: [] }, [])).toEqual([expect.stringMatching(/no DHCP server/)]);
  expect(dhcpAdvice({ servers: [server] }, [ETH0])).toEqual([expect.stringMatching(/192\.0\.2\.1 .*needs no change/)]);
  const named = { ...server, bootFile: 'pxelinux.0' };
  expect(dhcpAdvice({ servers: [named] }, [ETH0])).toEqual([expect.stringMatching(/"pxelinux\.0".*take that out/)]);
  const here = { ...server, address: ETH0.address };
  expect(dhcpAdvice({ servers: [here] }, [ETH0])).toEqual([
    expect.stringMatching(/on this machine: .*bind-interfaces/),
  ]);
});

test('an offer with an address names a server, and no other packet does', () => {
  const asked = decodePacket(discoverPacket(ETH0.mac, 7)) as Packet;
  const options = new Map([
    [Option.MESSAGE_TYPE, Uint8Array.of(MessageType.OFFER)],
    [Option.SERVER_ID, Uint8Array.of(192, 0, 2, 1)],
  ]);
  const offer = { ...asked, op: Op.REPLY, yiaddr: '192.0.2.100', options };
  const seen = (packet: Packet, xid = 7) => serverOf(encodePacket(packet), xid, 'eth0');
  expect(seen(offer)).toEqual({ interface: 'eth0', address: '192.0.2.1', bootFile: undefined });
  expect(seen({ ...offer, file: Buffer.from('boot.kpxe') })).toMatchObject({ bootFile: 'boot.kpxe' });
  expect(seen(offer, 8)).toBeUndefined();
  expect(seen({ ...offer, yiaddr: '0.0.0.0' })).toBeUndefined();
  expect(seen(asked)).toBeUndefined();
  expect(serverOf(new Uint8Array(3), 7, 'eth0')).toBeUndefined();
});

test('images and interfaces as they are found', async () => {
  expect(imageOf('d', ['vmlinuz', 'initrd.img', 'rootfs.tar.xz', 'root.oci'])).toEqual(IMAGE);
  expect(imageOf('d', ['vmlinuz', 'initrd.img', 'rootfs.tar.xz'])).toMatchObject({
    root: { method: 'container-root' },
  });
  expect(imageOf('d', ['vmlinuz', 'root.oci'])).toBeUndefined();
  expect(await seenImages('/no/such/folder')).toEqual({});
  const address = (family: 'IPv4', text: string, internal: boolean) => ({
    ...{ family, address: text, internal, netmask: '255.255.255.0', mac: ETH0.mac, cidr: null },
  });
  expect(
    seenInterfaces({
      lo: [address('IPv4', '127.0.0.1', true)],
      eth0: [address('IPv4', '192.0.2.10', false)],
      eth1: [],
    }),
  ).toEqual([ETH0]);
});

test('init without a terminal writes a file, and never over another one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-init-'));
  try {
    const [first] = seenInterfaces();
    if (!first) return;
    await mkdir(join(folder, 'artifacts/d'), { recursive: true });
    for (const name of ['vmlinuz', 'initrd.img', 'root.oci']) await writeFile(join(folder, 'artifacts/d', name), '');
    const file = join(folder, 'config.yaml');
    const terminal = { input: process.stdin, output: process.stderr };
    const options = { file, interface: [first.name], probe: false, yes: true };
    let printed = '';
    const print = (text: string) => {
      printed += text;
    };
    expect(await initConfig(options, print, terminal)).toBe(true);
    const text = await readFile(file, 'utf8');
    expect(text).toContain(`interface: ${first.name}`);
    expect(text).toContain('kernel: d/vmlinuz');
    expect(printed).toContain(`${file} is written`);
    await expect(initConfig(options, print, terminal)).rejects.toThrow(/is there already: --force/);
    expect(await initConfig({ ...options, force: true }, print, terminal)).toBe(true);
    await expect(initConfig({ ...options, force: true, interface: ['no0'] }, print, terminal)).rejects.toThrow(
      /no0 does not exist/,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
