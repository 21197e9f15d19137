import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debianLayout } from '../support/debian-image.ts';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import { must, start } from '../support/process.ts';

// A real Debian, with a kernel and dracut: the initrd is made in user namespaces, and what comes out boots.

/** Images of one content, made at different times, are to give the same. */
const TIME = { SOURCE_DATE_EPOCH: '1700000000' };

let folder: string;
let source: string;
let builder: Builder;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-dracut-'));
  await must('chmod', ['755', folder]);
  source = await debianLayout('bookworm', join(folder, 'oci'));
  builder = await createBuilder();
}, 600_000);
afterAll(async () => {
  await builder?.destroy();
  await rm(folder, { recursive: true, force: true });
});

describe('an image without an initrd of its own', () => {
  it('gets one from its own dracut, the same one every time, made by an ordinary user', {
    timeout: 600_000,
  }, async () => {
    const build = async (name: string, ...more: readonly string[]) =>
      JSON.parse(await builder.must(['build', source, '--name', name, '--root', 'oci', '--json', ...more], TIME));
    const uki = ['--uki', join(builder.folder, 'boot.efi'), '--append', 'console=ttyS0 rd.tmpfs.size=90%'];
    const [first, second] = [await build('a', ...uki), await build('b')];
    expect(first.initrd).toMatchObject({ from: 'dracut', file: 'initrd.img' });
    expect(second.id).toBe(first.id);
  });

  it('gets one from a builder where it has no dracut', { timeout: 600_000 }, async () => {
    const without = ['usr/bin/.wh.dracut', 'usr/sbin/.wh.dracut'].map((name) => ({ name }));
    const bare = await debianLayout('bookworm', join(folder, 'bare'), without);
    const other = await debianLayout('bookworm', join(folder, 'builder'), [{ name: 'usr/lib/.wh.modules' }]);
    const args = ['build', bare, '--name', 'bare', '--root', 'oci', '--json'];
    expect((await builder.run(args)).stderr).toContain('mmdebstrap --variant=minbase');
    const built = JSON.parse(await builder.must([...args, '--builder', other], TIME));
    expect(built.initrd).toMatchObject({ from: 'dracut', builder: { digest: expect.stringMatching(/^sha256:/) } });
  });

  it('boots as one file under UEFI, without any network', { timeout: 900_000 }, async () => {
    const esp = join(folder, 'esp/EFI/BOOT');
    await mkdir(esp, { recursive: true });
    await copyFile(join(builder.folder, 'boot.efi'), join(esp, 'BOOTX64.EFI'));
    await copyFile('/usr/share/OVMF/OVMF_VARS_4M.fd', join(folder, 'vars.fd'));
    const machine = start('qemu-system-x86_64', [
      ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max,cx16=off', '-smp', '2', '-m', '2048'],
      ...['-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot', '-nic', 'none'],
      ...['-drive', 'if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd'],
      ...['-drive', `if=pflash,format=raw,unit=1,file=${join(folder, 'vars.fd')}`],
      ...['-drive', `format=raw,file=fat:rw:${join(folder, 'esp')},if=none,id=esp`],
      ...['-device', 'virtio-blk-pci,drive=esp,bootindex=0'],
    ]);
    try {
      const [ending] = await machine.until(/\S+ login:|Kernel panic|the boot stops here|Shell>/, 800);
      expect(ending).toMatch(/login:$/);
    } finally {
      await machine.stop('SIGKILL');
    }
  });
});
