import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { must } from './process.ts';

/**
 * Makes an initrd with busybox and one script, which is its whole system.
 * @param file where it goes
 * @param script for `sh`; `/proc` and the console are there
 */
export async function makeTinyInitrd(file: string, script: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-initrd-'));
  try {
    const libraries = (await must('ldd', ['/usr/bin/busybox'])).match(/\/\S+/g) ?? [];
    for (const path of ['/usr/bin/busybox', ...libraries]) {
      await mkdir(join(folder, dirname(path)), { recursive: true });
      await copyFile(path, join(folder, path));
    }
    for (const name of ['proc', 'dev']) await mkdir(join(folder, name));
    await mkdir(join(folder, 'bin'), { recursive: true });
    await symlink('/usr/bin/busybox', join(folder, 'bin/sh'));
    const init = `#!/bin/sh\nbusybox mount -t proc proc /proc\n${script}\nbusybox poweroff -f\n`;
    await writeFile(join(folder, 'init'), init, { mode: 0o755 });
    const cpio = `find . | busybox cpio -o -H newc | gzip > "$1"`;
    await must('sh', ['-c', `cd "$0" && ${cpio}`, folder, file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
