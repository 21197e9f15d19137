import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { KERNELS } from '../support/kernels.ts';
import { must } from '../support/process.ts';
import { ociArchive } from './archives.ts';
import { MODULES, runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** The initrd's part, with a kexec that only notes what it was asked for. */
const PRELUDE = `. ${MODULES}/90bootc-live/bootc-live.sh; . ${MODULES}/90bootc-live-kexec/bootc-kexec.sh
  . ${MODULES}/90bootc-live-kexec/bootc-kernel.sh
  kexec() { printf '%s\\n' "kexec $*" >> $slipway_run/kexec.log; }`;

const layer = [
  { name: 'usr/' },
  { name: 'usr/bin/' },
  { name: 'usr/bin/tool', content: 'not needed' },
  { name: 'usr/lib/' },
  { name: 'usr/lib/modules/' },
  ...['6.1.9', '6.1.10'].flatMap((version) => [
    { name: `usr/lib/modules/${version}/` },
    { name: `usr/lib/modules/${version}/vmlinuz`, content: `kernel ${version}` },
    { name: `usr/lib/modules/${version}/initramfs.img`, content: `initramfs ${version}` },
  ]),
];

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function kexec(archive: Buffer, line: string, more = '') {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    const file = join(path, 'root.oci');
    await writeFile(file, archive);
    const script = `${PRELUDE}
      bootc_line_now() { printf '%s\\n' '${line}'; }
      getargbool() { [ "$1" = 1 ]; }
      ${more}
      slipway_source=${file} slipway_sha256=
      bootc_kexec`;
    const finished = await runLibrary(shell, path, script);
    const log = await readFile(join(path, 'kexec.log'), 'utf8').catch(() => '');
    return { ...finished, path, log, failure: await readFile(join(path, 'failure'), 'utf8').catch(() => '') };
  }

  test("the image's newest kernel starts with the archive in front of its initramfs", async () => {
    const archive = ociArchive([layer]);
    const line = 'BOOT_IMAGE=vmlinuz initrd=initrd0.img root=bootc-live:http://192.0.2.10/root.oci bootc.kexec=1 quiet';
    const { log, path } = await kexec(archive, line);
    const next = join(path, 'memory/next.img');
    expect(log).toContain(
      `kexec -s -l ${path}/memory/root/usr/lib/modules/6.1.10/vmlinuz --initrd=${next} --command-line=root=bootc-live:/root.oci quiet bootc.kexec=0`,
    );
    const bytes = await readFile(next);
    expect(String(bytes.subarray(-16))).toBe('initramfs 6.1.10');
    const out = join(path, 'out');
    await mkdir(out);
    await must('sh', ['-c', `cd ${out} && busybox cpio -i < ${next}`]);
    expect((await readFile(join(out, 'root.oci'))).equals(archive)).toBe(true);
  });

  test('what a kernel does not need is not unpacked', async () => {
    const { path } = await kexec(ociArchive([layer]), 'root=bootc-live:/x');
    await expect(readFile(join(path, 'memory/root/usr/bin/tool'))).rejects.toThrow('ENOENT');
  });

  test('without reuse_image the next kernel fetches the archive again', async () => {
    const { log, path } = await kexec(
      ociArchive([layer]),
      'root=bootc-live:http://192.0.2.10/root.oci',
      'getargbool() { return 1; }',
    );
    expect(log).toContain(
      `--initrd=${path}/memory/root/usr/lib/modules/6.1.10/initramfs.img --command-line=root=bootc-live:http://192.0.2.10/root.oci bootc.kexec=0`,
    );
  });

  test("links to kernel and initramfs are followed inside the image, and nothing of the initrd's is taken for them", async () => {
    const outside = join((await kexec(ociArchive([layer]), 'root=bootc-live:/x')).path, 'secret');
    await writeFile(outside, 'secret');
    const boot = [
      { name: 'usr/lib/modules/6.1.11/' },
      { name: 'usr/lib/modules/6.1.11/vmlinuz', link: outside },
      { name: 'usr/lib/modules/6.1.11/initramfs.img', link: '/proc/kcore' },
      { name: 'usr/lib/modules/6.1.10/vmlinuz', link: '/boot/../boot/kernel' },
      { name: 'lib', link: '/usr/lib' },
      { name: 'boot/' },
      { name: 'boot/kernel', content: 'kernel' },
    ];
    const { log, path } = await kexec(ociArchive([layer, boot]), 'root=bootc-live:/x');
    expect(log).toContain(`kexec -s -l ${path}/memory/root/boot/kernel --initrd=`);
    expect(String(await readFile(join(path, 'memory/next.img')))).toMatch(/initramfs 6\.1\.10$/);
  });

  test('of what lies beside kernels, the same is chosen as the builder chooses', async () => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    for (const { name, modules, files } of KERNELS) {
      const root = join(path, name);
      await mkdir(join(root, 'boot'), { recursive: true });
      for (const each of modules) {
        await mkdir(join(root, 'usr/lib/modules', each), { recursive: true });
        await writeFile(join(root, 'boot', `initrd.img-${each}`), 'initramfs');
      }
      for (const [file, content] of Object.entries(files)) await writeFile(join(root, 'boot', file), content, 'latin1');
    }
    const script = `${PRELUDE}
      for slipway_root in "$slipway_run"/*/boot/; do
        slipway_root=\${slipway_root%/boot/} bootc_kernel=
        bootc_find_kernel
        printf '%s: %s\\n' "\${slipway_root##*/}" "\${bootc_kernel##*/}"
      done`;
    const { stdout } = await runLibrary(shell, path, script);
    const expected = KERNELS.map(({ name, kernel = '' }) => `${name}: ${kernel}`);
    expect(stdout.trimEnd().split('\n').sort()).toEqual(expected.sort());
  });

  test("Alpine's kernel goes with its initramfs", async () => {
    const boot = [
      { name: 'lib/modules/6.6.58-0-lts/' },
      { name: 'boot/vmlinuz-lts', content: 'kernel' },
      { name: 'boot/initramfs-lts', content: 'initramfs of lts' },
    ];
    const { log, path } = await kexec(ociArchive([boot]), 'root=bootc-live:/x');
    expect(log).toContain('memory/root/boot/vmlinuz-lts --initrd=');
    expect(String(await readFile(join(path, 'memory/next.img')))).toMatch(/initramfs of lts$/);
  });

  test('an image without a kernel ends in a reason', async () => {
    const { code, failure } = await kexec(ociArchive([[{ name: 'usr/' }]]), 'root=bootc-live:/x');
    expect(code).not.toBe(0);
    expect(failure).toContain('the image has no kernel with an initramfs to take over');
  });
});
