import { chmod, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { IMAGES, type Suite } from './images.ts';
import { must } from './process.ts';

/** Reads all programs and libraries past the page cache, again and again, and says each time what they came to. */
const READER = `#!/bin/sh
count=0
while :; do
    sync
    echo 3 > /proc/sys/vm/drop_caches
    digest=$(cat /usr/bin/[a-f]* /usr/lib/systemd/system/* 2> /run/reader.err | sha256sum | cut -c -64)
    count=$((count + 1))
    printf '\\rSLIPWAY-READ %s %s%s\\n' "$count" "$digest" "$(grep -c 'I/O error' /run/reader.err | sed 's/^0$//; s/./ failed/')"
    sleep 1
done
`;

const UNIT = `[Unit]
Description=Read the root again and again
After=slipway-report.service
[Service]
ExecStart=/usr/local/sbin/slipway-reader
StandardOutput=tty
TTYPath=/dev/console
`;

/**
 * Makes `rootfs-reader.squashfs` beside a suite's other files: its root with a service that keeps on reading.
 * @returns the path below {@link IMAGES}
 */
export async function buildReader(suite: Suite): Promise<string> {
  const source = join(IMAGES, suite, 'rootfs.tar.xz');
  const target = join(IMAGES, suite, 'rootfs-reader.squashfs');
  const [from, made] = await Promise.all([stat(source), stat(target).catch(() => undefined)]);
  if (made && made.mtimeMs > from.mtimeMs) return `${suite}/rootfs-reader.squashfs`;
  const folder = await mkdtemp(join(tmpdir(), 'slipway-reader-'));
  try {
    const files: readonly (readonly [string, string])[] = [
      ['usr/local/sbin/slipway-reader', READER],
      ['etc/systemd/system/slipway-reader.service', UNIT],
    ];
    for (const [name, content] of files) {
      await mkdir(dirname(join(folder, 'add', name)), { recursive: true });
      await writeFile(join(folder, 'add', name), content);
    }
    const wants = 'etc/systemd/system/multi-user.target.wants';
    await mkdir(join(folder, 'add', wants));
    await symlink('../slipway-reader.service', join(folder, 'add', wants, 'slipway-reader.service'));
    await chmod(join(folder, 'add/usr/local/sbin/slipway-reader'), 0o755);
    const tar = join(folder, 'root.tar');
    await must('sh', ['-c', 'xz -dc "$1" > "$2"', 'sh', source, tar]);
    const names = [...files.map(([name]) => name), `${wants}/slipway-reader.service`].map((name) => `./${name}`);
    await must('tar', ['--append', '--file', tar, '--owner=0', '--group=0', '-C', join(folder, 'add'), ...names]);
    await must('sh', ['-c', 'sqfstar -quiet -no-progress -comp zstd "$1" < "$2"', 'sh', `${target}.new`, tar]);
    await rename(`${target}.new`, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return `${suite}/rootfs-reader.squashfs`;
}
