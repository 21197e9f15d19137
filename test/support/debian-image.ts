import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Member, makeTar } from './image-layers.ts';
import { IMAGES, type Suite } from './images.ts';
import { must } from './process.ts';

/** A system that a virtual machine boots: with kernel, dracut, and what UEFI starts, signed and not signed. */
const PACKAGES = [
  ...['systemd-sysv', 'udev', 'dbus', 'iproute2', 'kmod', 'login', 'procps', 'iputils-ping'],
  ...['systemd-boot-efi', 'shim-signed', 'grub-efi-amd64-signed', 'linux-image-cloud-amd64'],
  ...['dracut-core', 'dracut-network', 'curl', 'ca-certificates', 'jq', 'zstd', 'xz-utils'],
];

/** What nobody reads there, and GRUB's modules, which the signed one has in it. */
const LEFT_OUT = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/doc/*', '/usr/lib/grub/x86_64-efi/*'];

/** Only what a virtual machine needs, which dracut makes in a quarter of the time. */
const DRACUT_SETTINGS = `
omit_dracutmodules+=" kernel-modules kernel-modules-extra qemu qemu-net nvdimm i18n "
add_drivers+=" virtio_pci virtio_net virtio_blk overlay "
`;

/** Says on the console what was booted, and how, before a log-in takes the console away. */
const REPORT_UNIT = `
[Unit]
Before=serial-getty@ttyS0.service getty@tty1.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/slipway-report
StandardOutput=tty
TTYPath=/dev/console
`;

/** The program that reports. `body`: shell, in which `report KEY=VALUE` says something. */
export const reportProgram = (body: string): Member => ({
  name: 'usr/local/sbin/slipway-report',
  content: `#!/bin/sh
. /etc/os-release
report() { printf '\\rSLIPWAY-REPORT %s\\n' "$*"; }
report "os=$VERSION_ID"
${body}
report end
`,
  mode: 0o755,
});

/** The variable's fifth byte is its value (efivarfs puts four of attributes before it). */
const REPORT = `report "secureboot=$(od -An -t u1 -j 4 /sys/firmware/efi/efivars/SecureBoot-* | tr -d ' ')"
report "lockdown=$(cat /sys/kernel/security/lockdown)"`;

const SETTINGS: readonly Member[] = [
  { name: 'etc/dracut.conf.d/small.conf', content: DRACUT_SETTINGS },
  { name: 'etc/systemd/system/report.service', content: REPORT_UNIT },
  reportProgram(REPORT),
  {
    name: 'etc/systemd/system/multi-user.target.wants/report.service',
    type: 'symlink',
    linkname: '/etc/systemd/system/report.service',
  },
];

/**
 * Makes an OCI layout of such a Debian; its packages are fetched once. Needs root, mmdebstrap and umoci.
 * @param folder where the layout goes
 * @param more a further layer
 * @param extra packages beside {@link PACKAGES}, and what is done to the root ($1) then; systems with and without are kept apart
 * @returns how `slipway image build` is told of it
 */
export async function debianLayout(
  suite: Suite,
  folder: string,
  more: readonly Member[] = [],
  { packages = [], hook }: { readonly packages?: readonly string[]; readonly hook?: string } = {},
): Promise<string> {
  const base = join(IMAGES, `${[suite, 'bootable', ...packages].join('-')}.tar`);
  const made = await stat(base).catch(() => undefined);
  if (!made) {
    await mkdir(IMAGES, { recursive: true });
    const options = LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`);
    if (hook !== undefined) options.push(`--customize-hook=${hook}`);
    const include = `--include=${[...PACKAGES, ...packages].join(',')}`;
    await must('mmdebstrap', ['--quiet', '--variant=minbase', include, ...options, suite, `${base}.new.tar`]);
    await rename(`${base}.new.tar`, base);
  }
  const image = `${folder}:x`;
  const layer = `${folder}.tar`;
  await writeFile(layer, makeTar([...SETTINGS, ...more]));
  await must('umoci', ['init', '--layout', folder]);
  await must('umoci', ['new', '--image', image]);
  for (const tar of [base, layer]) await must('umoci', ['raw', 'add-layer', '--image', image, tar]);
  await must('chmod', ['-R', 'a+rX', folder]);
  return `oci:${image}`;
}
