import { copyFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { must } from './process.ts';

/** Puts busybox with its libraries into an empty folder, as `/bin/sh` too. */
async function addBusybox(folder: string): Promise<void> {
  const libraries = (await must('ldd', ['/usr/bin/busybox'])).match(/\/\S+/g) ?? [];
  for (const path of ['/usr/bin/busybox', ...libraries]) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await copyFile(path, join(folder, path));
  }
  await mkdir(join(folder, 'bin'), { recursive: true });
  await symlink('/usr/bin/busybox', join(folder, 'bin/sh'));
}

/**
 * Makes an initrd with busybox and one script, which is its whole system.
 * @param file where it goes
 * @param script for `sh`; `/proc` and the console are there
 */
export async function makeTinyInitrd(file: string, script: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-initrd-'));
  try {
    await addBusybox(folder);
    for (const name of ['proc', 'dev']) await mkdir(join(folder, name));
    const init = `#!/bin/sh\nbusybox mount -t proc proc /proc\n${script}\nbusybox poweroff -f\n`;
    await writeFile(join(folder, 'init'), init, { mode: 0o755 });
    const cpio = `find . | busybox cpio -o -H newc | gzip > "$1"`;
    await must('sh', ['-c', `cd "$0" && ${cpio}`, folder, file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Makes a root file system, squashfs, of busybox and one script, which is its whole system.
 * @param file where it goes, by renaming
 * @param script for `sh`, as `/sbin/init`; the initrd's mounts and network are there. Without it there is no init
 */
export async function makeTinyRoot(file: string, script?: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-root-'));
  try {
    await addBusybox(folder);
    for (const name of ['proc', 'sys', 'dev', 'run', 'tmp', 'etc', 'sbin']) await mkdir(join(folder, name));
    // Without this systemd takes it for no system.
    await writeFile(join(folder, 'etc/os-release'), 'ID=tiny\n');
    if (script !== undefined) {
      const init = `#!/bin/sh\n${script}\nbusybox poweroff -f\n`;
      await writeFile(join(folder, 'sbin/init'), init, { mode: 0o755 });
    }
    await must('mksquashfs', [folder, `${file}.new`, '-quiet', '-no-progress', '-noappend']);
    await rename(`${file}.new`, file);
  } finally {
    await rm(folder, { recursive: true });
  }
}
