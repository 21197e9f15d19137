import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import type { Member } from '../support/image-layers.ts';
import { BOOT, writeLayout } from '../support/image-source.ts';
import { makePe } from '../support/pe.ts';
import { must } from '../support/process.ts';

const program = (name: string, text: string, signed = true): Member => ({
  name,
  content: makePe({ signed, text }).toString('latin1'),
});
const KERNEL = program('boot/vmlinuz-6.1.0-10-amd64', 'kernel');
const DEBIAN = [
  program('usr/lib/shim/shimx64.efi.signed', 'shim'),
  program('usr/lib/shim/mmx64.efi.signed', 'keys'),
  program('usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed', 'grub/EFI/debian'),
];
const FEDORA = [
  program('usr/lib/efi/shim/15.8/EFI/fedora/shimx64.efi', 'shim'),
  program('usr/lib/efi/grub2/2.12/EFI/fedora/grubx64.efi', 'grub/EFI/fedora'),
];

let sources: string;
let builder: Builder;

beforeAll(async () => {
  sources = await mkdtemp(join(tmpdir(), 'slipway-sources-'));
  await chmod(sources, 0o755);
  await writeLayout(join(sources, 'debian'), [BOOT, [KERNEL, ...DEBIAN]]);
});
afterAll(() => rm(sources, { recursive: true, force: true }));
beforeEach(async () => {
  builder = await createBuilder();
});
afterEach(() => builder.destroy());

const at = (name: string) => join(builder.folder, name);
const build = (...more: readonly string[]) => builder.must(['build', `oci:${sources}/debian`, '--name', 'a', ...more]);

/** All files below a folder with what is in them. */
async function filesIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map((file) => readFile(file, 'latin1')));
  return Object.fromEntries(files.map((file, i) => [file.slice(folder.length + 1), contents[i] ?? '']).sort());
}

/** The files of a disk image's file system, which is checked. */
async function filesOn(disk: string): Promise<Record<string, string>> {
  const [partition, found] = [at('partition'), at('found')];
  await must('dd', [`if=${disk}`, `of=${partition}`, 'bs=1M', 'skip=1', 'count=260', 'status=none', 'conv=sparse']);
  await must('fsck.fat', ['-n', partition]);
  await mkdir(found);
  await must('mcopy', ['-s', '-i', partition, '::', found]);
  return filesIn(found);
}

describe('an EFI system partition', () => {
  it('has the programs of the image that Secure Boot asks for, made by an ordinary user', async () => {
    const said = await build('--esp', at('esp'), '--append', 'console=ttyS0');
    expect(said).toContain('Secure Boot can stay on');
    const files = await filesIn(at('esp'));
    expect(Object.keys(files)).toEqual([
      ...['EFI/BOOT/BOOTX64.EFI', 'EFI/BOOT/grub.cfg', 'EFI/BOOT/grubx64.efi', 'EFI/BOOT/mmx64.efi'],
      ...['EFI/debian/grub.cfg', 'slipway/initrd.img', 'slipway/root.img', 'slipway/vmlinuz'],
    ]);
    expect(files['EFI/BOOT/BOOTX64.EFI']).toContain('shim');
    expect(files['EFI/debian/grub.cfg']).toContain("'root=bootc-live:/root.oci' 'console=ttyS0'");
    expect(files['slipway/root.img']).toContain(await readFile(join(builder.artifacts, 'a/root.oci'), 'latin1'));
  });

  it('finds the programs where Fedora has them', async () => {
    await writeLayout(join(sources, 'fedora'), [BOOT, [KERNEL, ...FEDORA]]);
    await builder.must(['build', `oci:${sources}/fedora`, '--name', 'a', '--esp', at('esp')]);
    expect(await readdir(at('esp/EFI'))).toEqual(['BOOT', 'fedora']);
  });

  it.each([
    ['a kernel', [program('boot/vmlinuz-6.1.0-10-amd64', 'kernel', false), ...DEBIAN]],
    ['a shim', [KERNEL, program('usr/lib/shim/shimx64.efi.signed', 'shim', false), ...DEBIAN.slice(1)]],
  ])('has systemd-boot where %s is not signed', async (what, members) => {
    const source = join(sources, what);
    await writeLayout(source, [BOOT, [...members, program('usr/lib/systemd/boot/efi/systemd-bootx64.efi', 'sd')]]);
    const said = await builder.must(['build', `oci:${source}`, '--name', 'a', '--esp', at('esp'), '--json']);
    expect(JSON.parse(said).loader).toBe('systemd-boot');
    const files = await filesIn(at('esp'));
    expect(files['EFI/BOOT/BOOTX64.EFI']).toContain('sd');
    expect(files['loader/entries/slipway.conf']).toContain('initrd /slipway/root.img');
  });

  it('replaces the one before, and nothing else', async () => {
    await build('--esp', at('esp'));
    await writeFile(at('esp/slipway/stale'), '');
    await build('--esp', at('esp'));
    expect(await readdir(at('esp/slipway'))).not.toContain('stale');
    expect((await readdir(builder.folder)).filter((name) => name.endsWith('.new'))).toEqual([]);
    await writeFile(at('esp/photo.jpg'), '');
    const { code, stderr } = await builder.run(['build', `oci:${sources}/debian`, '--name', 'a', '--esp', at('esp')]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('esp holds other things ("photo.jpg")')]);
  });
});

describe('a disk image', () => {
  it('has one partition, with the same files', async () => {
    await build('--esp', at('esp'), '--disk', at('disk.img'));
    expect(await must('sfdisk', ['--verify', at('disk.img')])).toContain('No errors detected');
    const { partitiontable: table } = JSON.parse(await must('sfdisk', ['--json', at('disk.img')]));
    expect(table).toMatchObject({ label: 'gpt', partitions: [{ start: 2048, name: 'SLIPWAY' }] });
    expect(table.partitions[0].type).toBe('C12A7328-F81F-11D2-BA4B-00A0C93EC93B');
    expect(await filesOn(at('disk.img'))).toEqual(await filesIn(at('esp')));
    const { size, blocks } = await stat(at('disk.img'));
    expect(size).toBe(262 * 1024 * 1024);
    expect(blocks * 512).toBeLessThan(4 * 1024 * 1024);
  });

  it('is the same every time, wherever and in whichever time zone', async () => {
    const other = await createBuilder();
    try {
      await build('--disk', at('disk.img'));
      const elsewhere = join(other.folder, 'second');
      await other.must(['build', `oci:${sources}/debian`, '--name', 'a', '--disk', elsewhere], { TZ: 'Asia/Tokyo' });
      await must('cmp', [at('disk.img'), elsewhere]);
    } finally {
      await other.destroy();
    }
  });
});

describe('a build that is killed', () => {
  it('at any moment leaves the media before it whole, and the next one removes its rest', async () => {
    const args = ['build', `oci:${sources}/debian`, '--name', 'a', '--esp', at('esp'), '--disk', at('disk.img')];
    const began = performance.now();
    await builder.must(args);
    const duration = performance.now() - began;
    const [esp, disk] = [await filesIn(at('esp')), await readFile(at('disk.img'))];
    for (let i = 0; i < 10; i++) {
      const running = builder.start(args);
      const timer = setTimeout(() => running.child.kill('SIGKILL'), (duration * (i + Math.random())) / 10);
      await running.exit;
      clearTimeout(timer);
      expect((await readFile(at('disk.img'))).equals(disk)).toBe(true);
    }
    await builder.must(args);
    expect(await filesIn(at('esp'))).toEqual(esp);
    expect((await readdir(builder.folder)).filter((name) => name.endsWith('.new'))).toEqual([]);
  });
});

describe('what goes wrong', () => {
  const fails = async (args: readonly string[], env?: Readonly<Record<string, string>>) => {
    const { code, stderr } = await builder.run(['build', `oci:${sources}/debian`, '--name', 'a', ...args], env);
    expect(code).toBe(1);
    expect((await readdir(builder.folder)).filter((name) => name.endsWith('.new'))).toEqual([]);
    return stderr;
  };

  it('is told before the work begins: a device, a file, arguments', async () => {
    expect(await fails(['--disk', at('artifacts')])).toContain('artifacts is no file: write to one');
    expect(await fails(['--disk', '/dev/null'])).toContain('/dev cannot be written to');
    expect(await fails(['--esp', at('config.yaml')])).toContain('is no folder');
    expect(await fails(['--esp', at('config.yaml/esp')])).toContain('cannot be written to');
    expect(await fails(['--disk', at('none/disk.img')])).toContain(`there is no folder ${at('none')}`);
    expect(await fails(['--esp', at('esp'), '--append', 'a="b"'])).toContain('boot loaders take no quotes');
    expect(await readdir(builder.artifacts)).toEqual([]);
  });

  it('is told of a full disk, and of a folder where something is mounted', async () => {
    await mkdir(at('small'));
    await must('mount', ['-t', 'tmpfs', '-o', 'size=8k,uid=65534,gid=65534', 'x', at('small')]);
    try {
      expect(await fails(['--esp', at('small')])).toContain('something is mounted');
      for (const medium of ['--esp', '--disk', '--uki']) {
        const path = at('small/medium');
        expect(await fails([medium, path])).toContain(`no space is left on the disk of ${path}, which is as it was`);
        expect(await readdir(at('small'))).toEqual([]);
      }
    } finally {
      await must('umount', [at('small')]);
    }
  });

  it('names the package of a program that is missing', async () => {
    await mkdir(at('bin'));
    for (const tool of ['skopeo', 'sfdisk', 'mkfs.vfat']) await symlink(await pathOf(tool), at(`bin/${tool}`));
    expect(await fails(['--disk', at('disk.img')], { PATH: at('bin') })).toContain(
      "mmd is missing: install Debian's package mtools",
    );
  });

  it('says what to install where there is no boot loader', async () => {
    await writeLayout(join(sources, 'arm'), [BOOT], ['arm64']);
    const args = ['build', `oci:${sources}/arm`, '--name', 'a', '--arch', 'arm64', '--esp', at('esp')];
    const { stderr } = await builder.run(args);
    expect(stderr).toContain('systemd-bootaa64.efi: install in the image shim-signed and grub-efi-arm64-signed');
    expect(await readdir(builder.artifacts)).not.toContain('a');
  });
});

async function pathOf(tool: string): Promise<string> {
  return (await must('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${tool}`])).trim();
}
