import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/commands/check/check.ts';

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
        /^config\.yaml:3:17: profiles\.p\.q\.args\[0\]: 2\d\d\d octets of kernel arguments for nodes\.n, .* up to 2047 /,
      ),
    ]);
  });

  it('are counted as iPXE gives them to the kernel', async () => {
    const [warning] = await warningsOf(withArgs('{ method: none }', 'x'.repeat(2438)));
    const added = ' BOOTIF=01-52-54-00-00-00-01 systemd.hostname=n'.length;
    expect(warning).toContain(` ${2438 + added} octets `);
  });
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
