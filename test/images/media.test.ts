import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BootLoader, grubPrefix } from '../../src/images/media/boot-loader.ts';
import { checkArguments, checkRootSize, foldersOf, layOutMedia } from '../../src/images/media/media-layout.ts';
import { isSigned } from '../../src/images/media/pe.ts';
import { fatSize } from '../../src/images/media/write-disk.ts';
import { scanCpio } from '../../src/images/output/cpio.ts';
import { readSegments, writeSegments } from '../../src/images/output/write-segments.ts';
import { memoryFile } from '../../src/model/files/random-access.ts';
import { totalLength } from '../../src/model/files/segment.ts';
import { makePe } from '../support/pe.ts';

const GRUB: BootLoader = {
  kind: 'shim and GRUB',
  prefix: 'EFI/debian',
  programs: { 'BOOTX64.EFI': Buffer.from('shim'), 'grubx64.efi': Buffer.from('grub') },
};
const SYSTEMD: BootLoader = { kind: 'systemd-boot', programs: { 'BOOTX64.EFI': Buffer.from('systemd') } };

const text = (bytes: string) => ({ bytes: Buffer.from(bytes) });

async function contents(loader: BootLoader, append = 'console=ttyS0 quiet'): Promise<Record<string, string>> {
  const files = layOutMedia('debian', loader, {
    ...{ append, kernel: text('kernel') },
    ...{ initrd: text('first'), archive: [text('oc'), text('i')] },
  });
  const all = await Promise.all(
    files.map(async ({ path, segments }) => {
      const bytes: Uint8Array[] = [];
      for await (const piece of readSegments(segments)) bytes.push(piece);
      return [path, Buffer.concat(bytes).toString('latin1')] as const;
    }),
  );
  return Object.fromEntries(all);
}

describe('a medium with shim and GRUB', () => {
  it('has its programs at the removable path, and its configuration where GRUB looks', async () => {
    const files = await contents(GRUB);
    expect(Object.keys(files)).toEqual([
      ...['EFI/BOOT/BOOTX64.EFI', 'EFI/BOOT/grub.cfg', 'EFI/BOOT/grubx64.efi', 'EFI/debian/grub.cfg'],
      ...['slipway/initrd.img', 'slipway/root.img', 'slipway/vmlinuz'],
    ]);
    expect(files['EFI/BOOT/BOOTX64.EFI']).toBe('shim');
    expect(files['EFI/debian/grub.cfg']).toBe(
      "set timeout=3\nmenuentry 'debian' {\n" +
        "    linux /slipway/vmlinuz 'root=bootc-live:/root.oci' 'console=ttyS0' 'quiet'\n" +
        '    initrd /slipway/initrd.img /slipway/root.img\n}\n',
    );
    expect(files['EFI/BOOT/grub.cfg']).toBe(files['EFI/debian/grub.cfg']);
  });

  it('keeps what means something to GRUB from meaning it', async () => {
    const files = await contents(GRUB, 'a=$b;c  {d}');
    expect(files['EFI/BOOT/grub.cfg']).toContain("'a=$b;c' '{d}'\n");
  });

  it('has the root as an initrd of its own, after one that ends at a multiple of four', async () => {
    const files = await contents(GRUB);
    expect(files['slipway/initrd.img']).toBe('first\0\0\0');
    const root = Buffer.from(files['slipway/root.img'] ?? '', 'latin1');
    expect([...(await scanCpio(memoryFile(root))).names]).toEqual(['root.oci', 'TRAILER!!!']);
    expect(root.includes('oci')).toBe(true);
  });
});

describe('a medium with systemd-boot', () => {
  it('has an entry for it', async () => {
    const files = await contents(SYSTEMD);
    expect(files['loader/loader.conf']).toBe('timeout 3\n');
    expect(files['loader/entries/slipway.conf']).toBe(
      'title debian\nlinux /slipway/vmlinuz\ninitrd /slipway/initrd.img\ninitrd /slipway/root.img\n' +
        'options root=bootc-live:/root.oci console=ttyS0 quiet\n',
    );
    expect(files['EFI/BOOT/grub.cfg']).toBeUndefined();
  });
});

describe('what a medium is written from', () => {
  it('is read as long as it was, and no longer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-pieces-'));
    try {
      const [source, target] = [join(folder, 'source'), join(folder, 'target')];
      await writeFile(source, 'abcdef');
      let told = 0;
      await writeSegments(target, [text('x'), { file: source, first: 0, length: 4 }, text('')], (bytes) => {
        told += bytes;
      });
      expect([await readFile(target, 'utf8'), told]).toEqual(['xabcd', 5]);
      await expect(writeSegments(target, [])).rejects.toMatchObject({ code: 'EEXIST' });
      const short = writeSegments(join(folder, 'short'), [{ file: source, first: 0, length: 7 }]);
      await expect(short).rejects.toThrow('is shorter than it was');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('what a medium cannot hold', () => {
  it.each(["a='b'", 'a="b c"', 'a\\b', 'a\nb', 'caf\u00e9'])('is refused: the arguments %j', (args) => {
    expect(() => checkArguments(args)).toThrow('boot loaders take no quotes');
  });

  it('is refused: a root of 4 GiB, for FAT has no such files', () => {
    expect(() => checkArguments('rd.tmpfs.size=90% a=$b,c')).not.toThrow();
    expect(() => checkRootSize(0xffff_ffff - 256)).not.toThrow();
    expect(() => checkRootSize(0xffff_ffff - 100)).toThrow('4.00 GiB');
    expect(() => checkRootSize(2 ** 33)).toThrow('4 GiB');
  });
});

describe('a program for UEFI', () => {
  it('is signed where it has a table of certificates', () => {
    expect(isSigned(makePe({ signed: true }))).toBe(true);
    expect(isSigned(makePe())).toBe(false);
    expect(isSigned(makePe({ signed: true }).subarray(0, 0x120))).toBe(false);
    expect(isSigned(Buffer.from('MZ'))).toBe(false);
    const far = makePe();
    far.writeUInt32LE(0xffff_fff0, 0x3c);
    expect(isSigned(far)).toBe(false);
  });

  it('that is GRUB says where it looks', () => {
    expect(grubPrefix(makePe({ text: 'x/EFI/fedora' }))).toBe('EFI/fedora');
    expect(grubPrefix(makePe({ text: '/EFI/../../x' }))).toBe('EFI/BOOT');
    expect(grubPrefix(makePe())).toBe('EFI/BOOT');
  });
});

describe('a disk', () => {
  it('has FAT32 of the least size, or of one that its files need', () => {
    const file = (size: number) => ({ path: 'a/b/c', segments: [{ file: '/x', first: 0, length: size }] });
    expect(fatSize([file(1)])).toBe(260);
    expect(fatSize([file(2 ** 30)])).toBe(1029);
    expect(totalLength(file(5).segments)).toBe(5);
    expect(foldersOf([file(1), { path: 'a/d', segments: [] }])).toEqual(['a', 'a/b']);
  });
});
