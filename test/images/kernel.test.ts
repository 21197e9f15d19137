import { describe, expect, it } from 'vitest';
import { memorySource } from '../../src/images/byte-source.ts';
import { detectCompression } from '../../src/images/compression.ts';
import { scanCpio } from '../../src/images/cpio.ts';
import { indexLayers } from '../../src/images/flatten.ts';
import { compareVersions, pickKernel } from '../../src/images/kernel.ts';
import type { Member } from '../support/image-layers.ts';
import { makeCpio } from '../support/image-source.ts';
import { makeLayers } from '../support/image-tree.ts';

const file = (name: string): Member => ({ name, content: name });

describe('the kernel', () => {
  const pick = async (members: readonly Member[], version?: string) =>
    pickKernel(await indexLayers(makeLayers(members)), version);

  it('is the newest, by number and not by letter', async () => {
    const kernel = await pick(['9', '10', '10~rc1', '2'].map((n) => file(`boot/vmlinuz-6.1.0-${n}-amd64`)));
    expect(kernel).toMatchObject({ version: '6.1.0-10-amd64', path: 'boot/vmlinuz-6.1.0-10-amd64' });
  });

  it.each(['-x', 'a b', '6.1\n', '\x1b[2J', ''])('is none of a version that is none: %j', async (version) => {
    await expect(pick([file(`boot/vmlinuz-${version}`)])).rejects.toThrow('the image has no kernel');
  });

  it("is taken from bootc's place before /boot, for the same version", async () => {
    const kernel = await pick([file('boot/vmlinuz-6.9'), file('usr/lib/modules/6.9/vmlinuz')]);
    expect(kernel.path).toBe('usr/lib/modules/6.9/vmlinuz');
  });

  it('is found through links, such as /boot into /usr, and /lib into it', async () => {
    const kernel = await pick([
      { name: 'boot/vmlinuz-6.8', type: 'symlink', linkname: '../usr/lib/modules/6.8/vmlinuz' },
      { name: 'usr/lib/modules/6.8/vmlinuz', content: 'x' },
      { name: 'lib', type: 'symlink', linkname: 'usr/lib' },
    ]);
    expect(kernel.content.size).toBe(1);
  });

  it('is the one that was asked for', async () => {
    const members = ['6.1', '6.2'].map((version) => file(`boot/vmlinuz-${version}`));
    expect((await pick(members, '6.1')).version).toBe('6.1');
    await expect(pick(members, '6.3')).rejects.toThrow('the image has no kernel 6.3; it has: 6.2, 6.1');
  });

  it('that is missing, or only a rescue copy, or a dangling link, is an error that says what to install', async () => {
    const dangling: Member = { name: 'boot/vmlinuz-1', type: 'symlink', linkname: 'nowhere' };
    await expect(pick([file('boot/vmlinuz-0-rescue-0123'), dangling])).rejects.toThrow('linux-image-amd64');
  });

  it.each([
    ['5.10', '5.9', 1],
    ['5.10.0-2', '5.10.0-10', -1],
    ['6.1', '6.1', 0],
    ['6.1~rc1', '6.1', -1],
    ['6.1.1', '6.1', 1],
    ['6.2.0-1.fc40', '6.2.0-1.fc39', 1],
  ])('%s compared with %s gives %i', (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
    expect(Math.sign(compareVersions(b, a))).toBe(sign === 0 ? 0 : -sign);
  });
});

describe('the names in an initrd', () => {
  it('are those of all archives in front, and what follows is told', async () => {
    const first = makeCpio({ 'kernel/x86/microcode': 'abc' });
    const second = makeCpio({ './usr/lib/a': 'xyz', '/b': '' });
    const bytes = Buffer.concat([first, Buffer.alloc(512), second, Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2])]);
    const { names, rest } = await scanCpio(memorySource(bytes));
    expect([...names]).toEqual(['kernel/x86/microcode', 'TRAILER!!!', 'usr/lib/a', 'b']);
    expect(rest).toBe(bytes.length - 6);
    expect(detectCompression(bytes.subarray(rest))).toBe('zstd');
  });

  it.each([Buffer.alloc(0), makeCpio({ a: 'b' }).subarray(0, 50), Buffer.from(`070701${'z'.repeat(104)}`)])(
    'of a damaged one end the search',
    async (bytes) => {
      expect((await scanCpio(memorySource(bytes))).names.size).toBeLessThan(2);
    },
  );
});
