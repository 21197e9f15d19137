import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/commands/check/check.ts';
import { cpioFrame } from '../../src/images/output/cpio.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-check-'));
  await mkdir(join(folder, 'artifacts'));
});
afterEach(() => rm(folder, { recursive: true }));

const FILES: Readonly<Record<string, Buffer>> = {
  kernel: Buffer.concat([Buffer.alloc(0x202), Buffer.from('HdrS'), Buffer.alloc(4000)]),
  initrd: Buffer.from('070701'),
  zst: Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]),
  xz: Buffer.from('\xfd7zXZ\0', 'latin1'),
  gz: gzipSync('x'),
  squashfs: Buffer.from('hsqs'),
  erofs: Buffer.concat([Buffer.alloc(1024), Buffer.from([0xe2, 0xe1, 0xf5, 0xe0])]),
  iso: Buffer.concat([Buffer.alloc(0x8001), Buffer.from('CD001')]),
  tar: Buffer.concat([Buffer.alloc(257), Buffer.from('ustar')]),
  elf: Buffer.from('\x7fELF\x02'),
  page: Buffer.from('<!doctype html>\n'),
  none: Buffer.alloc(0),
  other: Buffer.from('what nobody knows'),
};

/** The warnings of a configuration, those of paths made relative. */
async function warningsOf(yaml: string): Promise<readonly string[]> {
  for (const [name, bytes] of Object.entries(FILES)) await writeFile(join(folder, 'artifacts', name), bytes);
  const file = join(folder, 'config.yaml');
  await writeFile(file, yaml);
  const { text, ok } = await checkConfig(file, true);
  expect(ok).toBe(true);
  const all = (JSON.parse(text) as { warnings: string[] }).warnings.map((line) => line.replaceAll(`${folder}/`, ''));
  const lines = (await checkConfig(file, false)).text.replaceAll(`${folder}/`, '').split('\n');
  for (const warning of all) expect(lines).toContain(`warning: ${warning}`);
  return all;
}
const NODE = 'nodes: { n: { mac: 52:54:00:00:00:01, image: i } }';
const image = (method: string, source: string) =>
  warningsOf(`images: { i: { kernel: kernel, root: { method: ${method}, source: ${source} } } }\n${NODE}`);

describe('a root', () => {
  it.each([
    ['bootc-live', 'squashfs', 'squashfs is squashfs: expected an OCI archive for root method bootc-live'],
    ['bootc-live', 'elf', 'elf is ELF: expected an OCI archive for root method bootc-live'],
    ['container-root', 'page', 'page is text: expected a tar or OCI archive for root method container-root'],
    ['image', 'xz', 'xz is a xz file: expected a squashfs or EROFS image for root method image'],
    ['image', 'none', 'none is empty: expected a squashfs or EROFS image for root method image'],
    ['lazy', 'iso', 'iso is ISO 9660: expected a squashfs or EROFS image for root method lazy'],
    ['live', 'tar', 'tar is a tar archive: expected a squashfs, EROFS or ISO image for root method live'],
  ])('of method %s that is no such thing is told: %s', async (method, source, message) => {
    const column = `images: { i: { kernel: kernel, root: { method: ${method}, source: `.length + 1;
    expect(await image(method, source)).toEqual([`config.yaml:1:${column}: images.i.root.source: ${message}`]);
  });

  it.each([
    ...['tar', 'zst', 'gz', 'other'].flatMap((file) => [
      ['bootc-live', file],
      ['container-root', file],
    ]),
    ...['squashfs', 'erofs', 'other'].flatMap((file) => [
      ['image', file],
      ['live', file],
      ['lazy', file],
    ]),
    ['live', 'iso'],
  ])('of method %s that may be such a thing is not: %s', async (method, source) => {
    expect(await image(String(method), String(source))).toEqual([]);
  });
});

it('a kernel or initrd that is something else is told with its place', async () => {
  const yaml = `images:
  a:
    kernel: tar
    initrd: [initrd, squashfs, zst, none]
  b: { kernel: gz, initrd: kernel }
nodes:
  n1: { mac: 52:54:00:00:00:01, image: a }
  n2: { mac: 52:54:00:00:00:02, image: b }
`;
  const expected = 'expected an initrd: cpio archives, compressed or not';
  expect(await warningsOf(yaml)).toEqual([
    'config.yaml:3:13: images.a.kernel: tar is a tar archive: expected a kernel',
    `config.yaml:4:22: images.a.initrd[1]: squashfs is squashfs: ${expected}`,
    `config.yaml:4:37: images.a.initrd[3]: none is empty: ${expected}`,
    'config.yaml:5:16: images.b.kernel: gz is a gzip file: expected a kernel',
    `config.yaml:5:28: images.b.initrd: kernel is bzImage: ${expected}`,
  ]);
});

it('addresses that no network card has are told with their place', async () => {
  const yaml = `images: { i: { kernel: kernel } }
nodes:
  n1: { mac: [52:54:00:00:00:01, "FF-FF-FF-FF-FF-FF"], image: i }
  n2:
    mac: 00:00:00:00:00:00
    image: i
  n3: { mac: 01005e000001, image: i }
`;
  const never = 'which no network card has: the node will never be recognised by it';
  expect(await warningsOf(yaml)).toEqual([
    `config.yaml:3:34: nodes.n1.mac[1]: ff:ff:ff:ff:ff:ff is the broadcast address, ${never}`,
    `config.yaml:5:10: nodes.n2.mac: 00:00:00:00:00:00 is no address, ${never}`,
    `config.yaml:7:14: nodes.n3.mac: 01:00:5e:00:00:01 is a multicast address, ${never}`,
  ]);
});

describe('kernel arguments', () => {
  const withArgs = (root: string, args: string, more = '') => `images: { i: { kernel: kernel, root: ${root} } }
profiles:
  p.q: { args: ["${args}"] }
nodes:
  n: { mac: 52:54:00:00:00:01, image: i, profile: p.q${more} }
`;

  it('with a second root= are told', async () => {
    expect(await warningsOf(withArgs('{ method: live, source: squashfs }', 'quiet root=/dev/sda1'))).toEqual([
      'config.yaml:3:17: profiles.p.q.args[0]: a second root=: root method live sets it already',
    ]);
    expect(await warningsOf(withArgs('{ method: none }', 'root=/dev/sda1'))).toEqual([]);
    expect(await warningsOf(withArgs('{ method: none }', 'root=a', ', args: [x, root=b]'))).toEqual([
      'config.yaml:5:66: nodes.n.args[1]: a second root=: profiles.p.q.args[0] sets it already',
    ]);
  });

  it('that are too many with those of the template are told', async () => {
    const root = '{ method: image, source: squashfs }';
    // BOOTIF, host name, root=, the digest and network settings come beside them.
    expect(await warningsOf(withArgs(root, 'x'.repeat(1640)))).toEqual([]);
    expect(await warningsOf(withArgs(root, 'x'.repeat(2000)))).toEqual([
      expect.stringMatching(
        /^config\.yaml:3:17: profiles\.p\.q\.args\[0\]: the kernel line of nodes\.n has 2\d\d\d octets, \d+ too many: .* up to 2047 /,
      ),
    ]);
  });

  it('are counted as iPXE gives them to the kernel', async () => {
    const [warning] = await warningsOf(withArgs('{ method: none }', 'x'.repeat(2438)));
    const added = 'vmlinuz  BOOTIF=01-52-54-00-00-00-01 systemd.hostname=n'.length;
    expect(warning).toContain(` has ${2438 + added} octets, ${2438 + added - 2047} too many: `);
  });
});

describe('a root of method b2c', () => {
  const file = (env: string) => `images:
  i:
    kernel: kernel
    root: { method: b2c, containers: [{ image: alpine, env: { A: ${env} } }] }
nodes: { n: { mac: 52:54:00:00:00:01, image: i } }
unknown: { action: boot, image: i }
`;

  it('whose arguments are too long for machines without a node is told, and by how much', async () => {
    expect(await warningsOf(file('x'.repeat(1600)))).toEqual([]);
    const line = `vmlinuz b2c.container="-e A=${'x'.repeat(2100)} alpine" BOOTIF=01-02-00-00-00-00-00`;
    expect(await warningsOf(file('x'.repeat(2100)))).toEqual([
      `config.yaml:4:11: images.i.root: the kernel line of unknown machines has ${line.length} octets, ${line.length - 2047} too many: Linux takes up to 2047 (COMMAND_LINE_SIZE of x86 and arm64) and cuts off the rest`,
    ]);
  });

  it('with secrets is told for machines without a node, and where they cannot be read', async () => {
    expect(await warningsOf(file('!secret file:secret'))).toEqual([
      'config.yaml:4:11: images.i.root: has secrets, which only nodes get: unknown machines cannot boot by it',
      'config.yaml:4:11: images.i.root: the secret file:secret cannot be read: secret: file not found: its nodes would get no arguments',
    ]);
  });
});

it('webhooks and traces whose secrets cannot be read are told', async () => {
  const yaml = `webhooks: { ops: { url: "http://127.0.0.1:1", secret: !secret file:key } }
traces: { url: "http://127.0.0.1:1", headers: [{ name: a, value: !secret file:token }] }
`;
  expect(await warningsOf(yaml)).toEqual([
    'config.yaml:1:18: webhooks.ops: the secret file:key cannot be read: key: file not found: it would get no events',
    'config.yaml:2:9: traces: the secret file:token cannot be read: token: file not found: no traces would be sent',
  ]);
});

describe('a rule', () => {
  it('that can never match, or ties with an earlier one, is told', async () => {
    const rules = `rules:
  a: { match: { product: R650 }, image: i }
  b: { match: { product: [R640, R650] }, image: i }
  c: { match: { labels: { rack: r1 } }, image: i }
  d: { match: { firmware: bios, arch: arm64 }, image: i }
`;
    expect(await warningsOf(`images: { i: { kernel: kernel } }\n${NODE}\n${rules}`)).toEqual([
      expect.stringContaining('rules.b.match: ties with rules.a: a machine that both match gets rules.a'),
      expect.stringContaining('rules.c.match: can never match: no node has a label "rack"'),
      expect.stringContaining('rules.d.match: can never match: a machine with a BIOS counts as x86_64, not as arm64'),
    ]);
  });
});

describe('what does not fit', () => {
  /** A kernel with an EFI stub for x86-64, and an initrd with the module of one root method. */
  const x86 = Buffer.concat([Buffer.alloc(0x80), Buffer.from('PE\0\0\x64\x86', 'latin1'), Buffer.alloc(0x1000)]);
  x86.write('MZ', 0, 'latin1');
  x86.writeUInt32LE(0x80, 0x3c);
  const { before, after } = cpioFrame('usr/lib/slipway/methods/image.sh', 0);
  const initrd = Buffer.concat([before, after]);

  const fitting = async (method: string, profile: string) => {
    await writeFile(join(folder, 'artifacts/x86'), x86);
    await writeFile(join(folder, 'artifacts/archives'), initrd);
    await writeFile(join(folder, 'artifacts/root'), 'hsqs');
    await truncate(join(folder, 'artifacts/root'), 3000 * 1024 * 1024);
    return warningsOf(`images: { i: { kernel: x86, initrd: archives, root: { method: ${method}, source: root } } }
profiles: { p: { ${profile} } }
nodes:
  n1: { mac: 52:54:00:00:00:01, image: i, profile: p }
  n2: { mac: 52:54:00:00:00:02, image: i, profile: p }
`);
  };

  it('is an architecture of another kernel', async () => {
    expect(await fitting('image', 'arch: arm64')).toContainEqual(
      expect.stringMatching(
        /^config\.yaml:2:24: profiles\.p\.arch: n1 and 1 more: the kernel of image i is for x86_64, and this is arm64: /,
      ),
    );
  });

  it('is less memory than the root needs', async () => {
    expect(await fitting('image', 'memory: 2 GiB')).toEqual([
      'config.yaml:2:26: profiles.p.memory: n1 and 1 more: 2 GiB of memory is too little for image i, which needs about 3.1 GiB by root method image: choose root method lazy, a smaller image, or more memory',
    ]);
    expect(await fitting('image', 'memory: 4096')).toEqual([]);
  });

  it('is an initrd without the module of the root method', async () => {
    expect(await fitting('lazy', 'memory: 2 GiB')).toEqual([
      'config.yaml:1:37: images.i.initrd: the initrd has no module for root method lazy (slipway-nbd): build it with dracut --add slipway',
    ]);
  });

  it('is told for the machines of a rule', async () => {
    await writeFile(join(folder, 'artifacts/x86'), x86);
    const found = await warningsOf(`images: { i: { kernel: x86 } }
rules: { r: { match: { product: R650 }, image: i, arch: arm64 } }
`);
    expect(found).toContainEqual(
      expect.stringContaining(
        'rules.r.arch: machines of the rule r: the kernel of image i is for x86_64, and this is arm64',
      ),
    );
  });

  it('is told by the manifest of a build, which has no files to be read', async () => {
    const digest = 'a'.repeat(64);
    const file = (name: string, size: number) => ({ file: name, sha256: digest, size });
    const manifest = {
      ...{ format: 1, architecture: 'arm64', source: { digest: `sha256:${digest}`, created: null, layers: [] } },
      ...{
        unpacked: 6e9,
        kernel: file('vmlinuz', 1),
        initrd: { ...file('initrd.img', 1), modules: ['slipway-image'] },
      },
      roots: { oci: file('root.oci', 2e9) },
    };
    await mkdir(join(folder, 'artifacts/built'));
    await writeFile(join(folder, 'artifacts/built/manifest.json'), JSON.stringify(manifest));
    const found = await warningsOf(`images: { i: { build: built } }
nodes: { n: { mac: 52:54:00:00:00:01, image: i, arch: x86_64, memory: 4 GiB } }
`);
    expect(found).toEqual([
      expect.stringContaining('images.i.initrd: the initrd has no module for root method bootc-live (bootc-live): '),
      expect.stringContaining('nodes.n.arch: n: the kernel of image i is for arm64, and this is x86_64: '),
      expect.stringMatching(
        /nodes\.n\.memory: n: 4 GiB of memory is too little for image i, which needs about 6\.6 GiB by root method bootc-live: /,
      ),
    ]);
  });
});
