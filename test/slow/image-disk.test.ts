import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import { type Member, makeTar } from '../support/image-layers.ts';
import { buildImage, IMAGES } from '../support/images.ts';
import { bootMedia } from '../support/media-machine.ts';
import { must } from '../support/process.ts';

let folder: string;
let builder: Builder;

beforeAll(async () => {
  await buildImage('bookworm');
  folder = await mkdtemp(join(tmpdir(), 'slipway-media-'));
  await chmod(folder, 0o755);
  builder = await createBuilder();
});
afterAll(async () => {
  await builder?.destroy();
  await rm(folder, { recursive: true, force: true });
});

test('a disk image made of a container image boots by UEFI, without any network', async () => {
  const image = `${folder}/oci:x`;
  const boot = async (name: string, file: string) => ({
    name: `boot/${name}`,
    content: await readFile(join(IMAGES, 'bookworm', file), 'latin1'),
  });
  const modules: Member = { name: 'usr/lib/modules/1', type: 'directory' };
  const layer = join(folder, 'boot.tar');
  await writeFile(
    layer,
    makeTar([modules, await boot('vmlinuz-1', 'vmlinuz'), await boot('initrd.img-1', 'initrd.img')]),
  );
  await must('skopeo', ['copy', '-q', `oci-archive:${IMAGES}/bookworm/root.oci:latest`, `oci:${image}`]);
  await must('umoci', ['raw', 'add-layer', '--image', image, layer]);
  await must('chmod', ['-R', 'a+rX', folder]);
  const disk = join(builder.folder, 'disk.img');
  const media = ['--disk', disk, '--append', 'console=ttyS0'];
  const said = await builder.must(['build', `oci:${image}`, '--name', 'stick', '--root', 'oci', ...media]);
  expect(said).toContain('systemd-boot, which is not signed');
  const report = await bootMedia({ disk, secureBoot: false });
  expect(report).toMatchObject({ os: '12', rootfs: expect.stringMatching(/^(tmpfs|ramfs|overlay)$/) });
});
