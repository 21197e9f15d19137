import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type Finished, run } from '../support/process.ts';

/** The folder of the dracut modules in this checkout. */
export const MODULES = fileURLToPath(new URL('../../dracut-modules', import.meta.url));

/** The scripts that lie side by side in an initrd. */
const PARTS = (await readdir(MODULES, { recursive: true })).filter(
  (name) => /^[^/]+\/[^/]+\.sh$/.test(name) && basename(name) !== 'module-setup.sh',
);

/** The shells that initrds have for /bin/sh. */
export const SHELLS = [['dash'], ['busybox', 'sh']] as const;

/** What dracut has its scripts run with. No language: each program would load its tables first. */
const INITRD_ENV = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** A folder for the test that runs, removed at its end. */
export async function folder(): Promise<string> {
  const { path, remove } = await scratch();
  onTestFinished(remove);
  return path;
}

/** A folder of its own, and what to do when it is no longer needed. */
export async function scratch(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'slipway-dracut-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/**
 * Runs a script with the modules' functions in scope, as the initrd would, but below `folder` and with no kernel
 * arguments. What would be said on the console goes to standard error.
 */
export async function runLibrary(
  shell: readonly [string, ...string[]],
  folder: string,
  script: string,
): Promise<Finished> {
  // In this process: a shell would start one for each.
  await rm(join(folder, 'memory'), { recursive: true, force: true });
  const parts = join(folder, 'parts');
  if ((await mkdir(parts, { recursive: true })) !== undefined) {
    await Promise.all(PARTS.map((part) => symlink(join(MODULES, part), join(parts, basename(part)))));
  }
  const prelude = `
    set -u
    slipway_run=${folder} slipway_parts=${parts}
    slipway_journal= DRACUT_SYSTEMD=
    getarg() { return 1; }
    getargbool() { return 1; }
    slipway_quiet= slipway_record= slipway_exclude= slipway_zram= slipway_tmpfs_size=
    for library in slipway-lib/slipway-lib slipway-lib/memory-lib slipway-lib/confine-lib slipway-lib/network-lib \\
        slipway-lib/report-lib slipway-lib/fetch-lib slipway-lib/seed-lib slipway-lib/kexec-lib slipway-lib/unpack-lib \\
        slipway-oci/oci-lib slipway-oci/oci-layers slipway-oci/oci-archive slipway-oci/oci-registry; do
        . ${MODULES}/90$library.sh
    done
    slipway_say() { printf '%s\\n' "$*" >&2; }
    slipway_load() { :; }
    # Plain folders: mounting needs root.
    slipway_drop_memory() { rm -rf "$slipway_memory"; }
    slipway_new_memory() { slipway_drop_memory && mkdir -p "$slipway_root" "$slipway_store"; }
    slipway_pause=0 slipway_source=test oci_label=
    mkdir -p $slipway_work $slipway_root $slipway_store
  `;
  // Mounts of its own, and whoever runs the test as root there.
  const root = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  return run('unshare', ['--mount', ...root, ...shell, '-c', `${prelude}\n${script}`], { env: INITRD_ENV });
}
