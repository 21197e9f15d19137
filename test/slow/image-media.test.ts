import { chmod, copyFile, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debianLayout } from '../support/debian-image.ts';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import { bootMedia, HUNG, powerOnMedia } from '../support/media-machine.ts';
import { must } from '../support/process.ts';

// A real Debian, whose shim, GRUB and kernel are signed, and firmware with the keys that machines are sold with.

const APPEND = ['--append', 'console=ttyS0 rd.tmpfs.size=90%'];

let folder: string;
let builder: Builder;
const at = (name: string) => join(builder.folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-media-'));
  await chmod(folder, 0o755);
  builder = await createBuilder();
  const source = await debianLayout('bookworm', join(folder, 'signed'));
  const media = ['--esp', at('esp'), '--disk', at('disk.img'), ...APPEND];
  await builder.must(['build', source, '--name', 'signed', '--root', 'oci', ...media]);
  // The same without the signed shim, so that systemd-boot is taken.
  const initrd = join(folder, 'initrd.img');
  await copyFile(join(builder.artifacts, 'signed/initrd.img'), initrd);
  const without = [{ name: 'usr/lib/shim/.wh.shimx64.efi.signed' }];
  const plain = await debianLayout('bookworm', join(folder, 'plain'), without);
  const more = ['--initrd', initrd, '--esp', at('plain'), '--disk', at('plain.img'), ...APPEND];
  await builder.must(['build', plain, '--name', 'plain', '--root', 'oci', ...more]);
}, 900_000);
afterAll(async () => {
  await builder?.destroy();
  await rm(folder, { recursive: true, force: true });
});

/** A stick as it is sold, one FAT file system, with all of a folder copied to it. */
async function stickOf(esp: string): Promise<string> {
  const stick = `${esp}.stick`;
  await writeFile(stick, '');
  await truncate(stick, 512 * 1024 * 1024);
  await must('mkfs.vfat', ['-F', '32', stick]);
  for (const name of await readdir(esp)) await must('mcopy', ['-s', '-i', stick, join(esp, name), '::']);
  return stick;
}

describe('with Secure Boot enforcing', () => {
  it('what is not signed is refused', { timeout: HUNG * 1000 }, async () => {
    const machine = await powerOnMedia({ disk: at('plain.img'), secureBoot: true });
    try {
      await machine.console.until(/Access Denied|Security Violation/, HUNG);
      expect(machine.console.output).not.toContain('Linux version');
    } finally {
      await machine.off();
    }
  });

  it('the disk image boots', { timeout: HUNG * 1000 }, async () => {
    const said = await bootMedia({ disk: at('disk.img'), secureBoot: true });
    expect(said).toMatchObject({ os: '12', secureboot: '1' });
    expect(said.lockdown).toContain('[integrity]');
  });

  it('the folder boots from a stick', { timeout: HUNG * 1000 }, async () => {
    expect(await bootMedia({ disk: await stickOf(at('esp')), secureBoot: true })).toMatchObject({ secureboot: '1' });
  });
});

describe('without Secure Boot', () => {
  it('the disk image boots', { timeout: HUNG * 1000 }, async () => {
    expect(await bootMedia({ disk: at('disk.img'), secureBoot: false })).toMatchObject({ os: '12', secureboot: '0' });
  });

  it('the folder with systemd-boot boots from a stick', { timeout: HUNG * 1000 }, async () => {
    expect(await bootMedia({ disk: await stickOf(at('plain')), secureBoot: false })).toMatchObject({ secureboot: '0' });
  });
});
