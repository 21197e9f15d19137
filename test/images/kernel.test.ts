import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { scanCpio } from '../../src/images/output/cpio.ts';
import { indexLayers } from '../../src/images/rootfs/flatten.ts';
import { pickKernel } from '../../src/images/rootfs/kernel.ts';
import { compareVersions } from '../../src/images/rootfs/kernel-version.ts';
import { detectCompression } from '../../src/images/tools/compression.ts';
import { memoryFile } from '../../src/model/files/random-access.ts';
import type { Member } from '../support/image-layers.ts';
import { makeCpio } from '../support/image-source.ts';
import { makeLayers } from '../support/image-tree.ts';
import { KERNELS } from '../support/kernels.ts';

const kernel = (name: string, content = `kernel ${name}`): Member => ({ name: `boot/${name}`, content });
const modules = (version: string): Member => ({ name: `usr/lib/modules/${version}`, type: 'directory' });
/** Kernels in /boot, each with its modules. */
const whole = (...versions: readonly string[]) => versions.flatMap((v) => [modules(v), kernel(`vmlinuz-${v}`)]);

const pick = async (members: readonly Member[], version?: string) => {
  const layers = makeLayers(members);
  return pickKernel({ layers, tree: await indexLayers(layers) }, version);
};

describe('the kernel', () => {
  it('is the newest, by number and not by letter', async () => {
    const found = await pick(whole(...['9', '10', '10~rc1', '2'].map((n) => `6.1.0-${n}-amd64`)));
    expect(found).toMatchObject({ version: '6.1.0-10-amd64', path: 'boot/vmlinuz-6.1.0-10-amd64' });
  });

  it.each(['-x', 'a b', '6.1\n', '\x1b[2J', 'extramodules', '6.1.old', '6.1.dpkg-new', '6.1.rpmsave', '6.1~'])(
    'is none of a version that is none: %j',
    async (version) => {
      await expect(pick(whole(version))).rejects.toThrow('the image has no kernel');
    },
  );

  it.each(KERNELS)('is chosen as initrds choose it: $name', async ({ modules: versions, files, kernel: wanted }) => {
    const members = Object.entries(files).map(([name, content]) => kernel(name, content));
    const found = pick([...versions.map(modules), ...members]);
    if (wanted === undefined) await expect(found).rejects.toThrow('the image has no kernel');
    else expect((await found).path).toBe(`boot/${wanted}`);
  });

  it.each(['+debug', '-debug', '.rt9', '-rt-amd64', '+64k', '-kdump', '-rc7'])(
    'is a plain one before a variant that has modules too: %s',
    async (suffix) => {
      expect((await pick(whole('6.1.0-18', `6.1.0-18${suffix}`))).version).toBe('6.1.0-18');
      expect((await pick(whole(`6.1.0-18${suffix}`))).version).toBe(`6.1.0-18${suffix}`);
    },
  );

  it.each<readonly [string, string]>([
    ['gzip', '\x1f\x8b\b\0\0\0\0\0'],
    ['xz', '\xfd7zXZ\0'],
    ['zstd', '\x28\xb5\x2f\xfd\0\0'],
    ['ELF', '\x7fELF\x02'],
    ['tar', `${'\0'.repeat(257)}ustar`],
    ['cpio', '070701000'],
    ['text', '#!/bin/sh\nexit\n'],
    ['text', '<!doctype html>\n<title>404</title>\n'],
    ['empty', ''],
  ])('is none that is %s', async (kind, content) => {
    const bad = [modules('6.2'), kernel('vmlinuz-6.2', content)];
    expect((await pick([...bad, ...whole('6.1')])).version).toBe('6.1');
    await expect(pick(bad)).rejects.toThrow(`(/boot/vmlinuz-6.2 is ${kind})`);
    await expect(pick(bad, '6.2')).rejects.toThrow(`it has: none (/boot/vmlinuz-6.2 is ${kind})`);
  });

  it('is what lies beside a compressed ELF of the same version', async () => {
    const members = [modules('6.1'), kernel('vmlinux-6.1.gz', '\x1f\x8b'), kernel('vmlinux-6.1', '\x7fELF')];
    expect((await pick([...members, kernel('vmlinuz-6.1')])).path).toBe('boot/vmlinuz-6.1');
  });

  it("is taken from bootc's place before /boot, for the same version", async () => {
    const found = await pick([kernel('vmlinuz-6.9'), { name: 'usr/lib/modules/6.9/vmlinuz', content: 'x' }]);
    expect(found.path).toBe('usr/lib/modules/6.9/vmlinuz');
  });

  it('is found through links, such as /boot into /usr, and /lib into it', async () => {
    const found = await pick([
      { name: 'boot/vmlinuz-6.8', type: 'symlink', linkname: '../usr/lib/modules/6.8/vmlinuz' },
      { name: 'usr/lib/modules/6.8/vmlinuz', content: 'x' },
      { name: 'lib', type: 'symlink', linkname: 'usr/lib' },
    ]);
    expect(found.content.size).toBe(1);
  });

  it('is the one that was asked for', async () => {
    const members = whole('6.1', '6.2');
    expect((await pick(members, '6.1')).version).toBe('6.1');
    await expect(pick(members, '6.3')).rejects.toThrow('the image has no kernel 6.3; it has: 6.2, 6.1');
  });

  it('that is missing, or only a rescue copy, or a dangling link, is an error that says what to install', async () => {
    const dangling: Member = { name: 'boot/vmlinuz-1', type: 'symlink', linkname: 'nowhere' };
    await expect(pick([modules('1'), kernel('vmlinuz-0-rescue-0123'), dangling])).rejects.toThrow('linux-image-amd64');
  });
});

describe('versions', () => {
  it.each([
    ['5.10', '5.9', 1],
    ['5.10.0-2', '5.10.0-10', -1],
    ['6.1', '6.1', 0],
    ['6.1~rc1', '6.1', -1],
    ['6.1.1', '6.1', 1],
    ['6.2.0-1.fc40', '6.2.0-1.fc39', 1],
    ['6.1.0-rc7', '6.1.0-1-amd64', -1],
    ['6.7.0-0.rc7.fc40', '6.7.0-1.fc40', -1],
    ['6.7.0-060700rc7-generic', '6.7.0-060700-generic', -1],
    ['6.7.0-rc10', '6.7.0-rc9', 1],
    ['6.1.0-18', '6.1.0-18+b1', -1],
  ])('%s compared with %s gives %i', (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
    expect(Math.sign(compareVersions(b, a))).toBe(sign === 0 ? 0 : -sign);
  });

  it('come in the order of GNU sort, which initrds use', () => {
    const versions = [
      '6.1',
      '6.1~rc1',
      '6.1+b1',
      '6.1-1',
      '6.1a',
      '6.1.1',
      '6.10',
      '6.9.0-1-amd64',
      '6.9.0-1.fc40.x86_64',
    ];
    const sorted = execFileSync('sort', ['-V'], { input: versions.join('\n'), env: { LC_ALL: 'C' } });
    expect(versions.toSorted(compareVersions)).toEqual(String(sorted).trim().split('\n'));
  });
});

describe('the names in an initrd', () => {
  it('are those of all archives in front, and what follows is told', async () => {
    const first = makeCpio({ 'kernel/x86/microcode': 'abc' });
    const second = makeCpio({ './usr/lib/a': 'xyz', '/b': '' });
    const bytes = Buffer.concat([first, Buffer.alloc(512), second, Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2])]);
    const { names, rest } = await scanCpio(memoryFile(bytes));
    expect([...names]).toEqual(['kernel/x86/microcode', 'TRAILER!!!', 'usr/lib/a', 'b']);
    expect(rest).toBe(bytes.length - 6);
    expect(detectCompression(bytes.subarray(rest))).toBe('zstd');
  });

  it.each([Buffer.alloc(0), makeCpio({ a: 'b' }).subarray(0, 50), Buffer.from(`070701${'z'.repeat(104)}`)])(
    'of a damaged one end the search',
    async (bytes) => {
      expect((await scanCpio(memoryFile(bytes))).names.size).toBeLessThan(2);
    },
  );
});
