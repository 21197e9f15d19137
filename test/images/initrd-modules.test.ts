import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpioFrame } from '../../src/images/output/cpio.ts';
import { CpioStream } from '../../src/images/output/cpio-stream.ts';
import { initrdModulesOf, readInitrdModules } from '../../src/images/output/initrd-modules.ts';
import { createTools, MissingTool } from '../../src/images/tools/tool-run.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-initrd-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** An archive for each file; the kernel takes several behind each other. */
function cpio(...names: readonly string[]): Buffer {
  const parts = names.flatMap((name, i) => {
    const content = Buffer.alloc(i * 37 + 5, 'x');
    const { before, after } = cpioFrame(name, content.length);
    return [before, content, after, Buffer.alloc(512)];
  });
  return Buffer.concat(parts);
}

const METHODS = 'usr/lib/slipway/methods';
const OURS = ['usr/lib/slipway/slipway-lib.sh', `${METHODS}/image.sh`, `${METHODS}/slipway-nbd.sh`];
const MICROCODE = cpio('kernel/x86/microcode/GenuineIntel.bin');

function compressed(how: string, bytes: Buffer): Buffer {
  const { stdout, status } = spawnSync(how, ['-c', '-q'], { input: bytes, maxBuffer: 1e9 });
  expect(status).toBe(0);
  return stdout;
}

async function modulesOf(bytes: Buffer): Promise<readonly string[] | undefined> {
  const path = join(folder, 'initrd');
  await writeFile(path, bytes);
  return initrdModulesOf(createTools(process.env), path);
}

describe('the modules of an initrd', () => {
  it.each(['gzip', 'xz', 'zstd', 'lz4', 'bzip2'])('packed by %s, behind microcode', async (how) => {
    const bytes = Buffer.concat([MICROCODE, compressed(how, cpio(...OURS))]);
    expect(await modulesOf(bytes)).toEqual(['slipway-image', 'slipway-nbd']);
  });

  it.each([
    [OURS, ['slipway-image', 'slipway-nbd']],
    [
      ['lib/slipway/methods/bootc-live.sh', 'usr/sbin/mkfs.ext4'],
      ['bootc-live', 'bootc-live-zram'],
    ],
    [['lib/dracut/hooks/cmdline/30-parse-bootc-live.sh'], ['bootc-live']],
    [['usr/sbin/container-root'], ['container-root']],
    [['sbin/livenetroot'], ['slipway-live']],
    [
      ['usr/bin/mkfs.erofs', 'usr/sbin/kexec'],
      ['bootc-live-erofs', 'bootc-live-kexec'],
    ],
    [['etc/container-root/x', 'home/mkfs.ext4/x', 'usr/bin/sh'], []],
  ])('with %o are %o', async (names, modules) => expect(await modulesOf(cpio(...names))).toEqual(modules));

  it('are unknown where not all of it can be read', async () => {
    const packed = compressed('zstd', cpio(...OURS));
    expect(await modulesOf(packed.subarray(0, -20))).toBeUndefined();
    expect(await modulesOf(Buffer.concat([MICROCODE, Buffer.from('something else')]))).toBeUndefined();
    expect(await modulesOf(MICROCODE.subarray(0, 150))).toBeUndefined();
    expect(await modulesOf(compressed('gzip', Buffer.from('no archive, but many bytes'.repeat(9))))).toBeUndefined();
  });

  it('are unknown without the program that unpacks it', async () => {
    const tools = { ...createTools({}), run: () => Promise.reject(new MissingTool('zstd')) };
    await writeFile(join(folder, 'initrd'), compressed('zstd', cpio(...OURS)));
    expect(await initrdModulesOf(tools, join(folder, 'initrd'))).toBeUndefined();
  });

  it('tell whether they are the project’s own', async () => {
    const path = join(folder, 'initrd');
    await writeFile(path, cpio(...OURS));
    expect((await readInitrdModules(createTools({}), path)).modules.own).toBe(true);
    await writeFile(path, cpio('usr/sbin/kexec'));
    expect((await readInitrdModules(createTools({}), path)).modules.own).toBe(false);
  });
});

describe('archives in pieces', () => {
  it.each([1, 2, 3, 7, 109, 110, 111, 4096])('of %i bytes have the same names', (size) => {
    const names: string[] = [];
    const stream = new CpioStream((name) => names.push(name));
    const bytes = cpio('a', './bb', '/ccc', 'dddd');
    for (let at = 0; at < bytes.length; at += size) stream.push(bytes.subarray(at, at + size));
    expect(names.filter((name) => name !== 'TRAILER!!!')).toEqual(['a', 'bb', 'ccc', 'dddd']);
    expect(stream.whole).toBe(true);
  });

  it('are not whole where they end early or become something else', () => {
    const bytes = cpio('a', 'b');
    for (const part of [
      bytes.subarray(0, 60),
      bytes.subarray(0, 113),
      Buffer.concat([bytes, Buffer.alloc(120, 'x')]),
    ]) {
      const stream = new CpioStream(() => {});
      stream.push(part);
      expect(stream.whole).toBe(false);
    }
  });
});
