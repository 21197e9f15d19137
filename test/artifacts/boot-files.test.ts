import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { candidates, findBootFiles } from '../../src/artifacts/boot-files.ts';
import type { BootEvent } from '../../src/model/event.ts';

let folder: string;
let events: BootEvent[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-boot-'));
  events = [];
});
afterEach(() => rm(folder, { recursive: true }));

async function lay(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await writeFile(join(folder, path), path);
  }
}

const find = (...folders: readonly string[]) =>
  findBootFiles(
    folders.map((name) => join(folder, name)),
    (event) => events.push(event),
  );

describe('findBootFiles', () => {
  it('finds what Debian 12 has', async () => {
    await lay('debian/undionly.kpxe', 'debian/snponly.efi', 'boot/ipxe.efi');
    await symlink('../boot/ipxe.efi', join(folder, 'debian/ipxe.efi'));
    const files = await find('debian');
    for (const name of ['undionly.kpxe', 'snponly.efi', 'ipxe.efi']) {
      expect(files.has(name)).toBe(true);
      const opened = await files.open(name);
      if (!opened.ok) throw new Error(opened.why);
      await opened.file.close();
    }
    expect(files.has('arm64/snponly.efi')).toBe(false);
    expect(await files.open('arm64/snponly.efi')).toMatchObject({ ok: false, reason: 'missing' });
    expect(events).toEqual([]);
  });

  it('finds what later Debian has, and says which build stands in for another', async () => {
    await lay('d/undionly.kpxe', 'd/snponly.efi', 'd/ipxe-amd64.efi', 'd/ipxe-arm64.efi', 'd/ipxe-riscv64.efi');
    const files = await find('d');
    expect(files.where('ipxe.efi')).toBe(join(folder, 'd/ipxe-amd64.efi'));
    expect(files.where('arm64/ipxe.efi')).toBe(join(folder, 'd/ipxe-arm64.efi'));
    expect(files.where('arm64/snponly.efi')).toBe(join(folder, 'd/ipxe-arm64.efi'));
    expect(events.map(({ name }) => name)).toEqual(['arm64/snponly.efi', 'riscv64/snponly.efi']);
  });

  it('finds what Fedora has', async () => {
    await lay('f/undionly.kpxe', 'f/ipxe-snponly-x86_64.efi', 'f/ipxe-x86_64.efi', 'f/ipxe-i386.efi');
    await lay('f/arm64-efi/snponly.efi', 'f/arm64-efi/ipxe.efi');
    const files = await find('f');
    expect(files.where('snponly.efi')).toBe(join(folder, 'f/ipxe-snponly-x86_64.efi'));
    expect(files.where('ipxe.efi')).toBe(join(folder, 'f/ipxe-x86_64.efi'));
    expect(files.where('ia32/ipxe.efi')).toBe(join(folder, 'f/ipxe-i386.efi'));
    expect(files.where('arm64/snponly.efi')).toBe(join(folder, 'f/arm64-efi/snponly.efi'));
    expect(files.where('arm64/ipxe.efi')).toBe(join(folder, 'f/arm64-efi/ipxe.efi'));
  });

  it('prefers the folder named first, and does without those that do not exist', async () => {
    await lay('own/ipxe.efi', 'package/ipxe.efi', 'package/snponly.efi');
    const files = await find('none', 'own', 'package');
    expect(files.where('ipxe.efi')).toBe(join(folder, 'own/ipxe.efi'));
    expect(files.where('snponly.efi')).toBe(join(folder, 'package/snponly.efi'));
  });

  it('takes a BIOS program for nothing else, and x64 programs for no other architecture', async () => {
    await lay('d/undionly.kpxe', 'd/ipxe.efi');
    const files = await find('d');
    expect(['snponly.efi', 'ipxe.efi', 'undionly.kpxe'].map(files.has)).toEqual([true, true, true]);
    expect(['ia32/ipxe.efi', 'arm64/ipxe.efi', 'arm32/snponly.efi'].map(files.has)).toEqual([false, false, false]);
    expect(await files.open('../d/ipxe.efi')).toMatchObject({ reason: 'missing' });
  });

  it('takes a folder of a binary’s name for no binary', async () => {
    await mkdir(join(folder, 'd/ipxe.efi'), { recursive: true });
    expect((await find('d')).has('ipxe.efi')).toBe(false);
  });
});

describe('candidates', () => {
  it('are none for other names', () => {
    expect(candidates('../../etc/passwd')).toEqual([]);
  });
});
