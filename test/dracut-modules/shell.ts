import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { type Finished, run } from '../support/process.ts';

// Each test starts dozens of small processes, which takes long on a busy machine; nothing here waits on purpose.
vi.setConfig({ testTimeout: 60_000 });

/** The folder of the dracut modules in this checkout. */
export const MODULES = fileURLToPath(new URL('../../dracut-modules', import.meta.url));

/** The shells that initrds have for /bin/sh. */
export const SHELLS = [['dash'], ['busybox', 'sh']] as const;

/** A folder of its own, and what to do when it is no longer needed. */
export async function scratch(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'slipway-dracut-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/**
 * Runs a script with the modules' functions in scope, as the initrd would, but below `folder` and with no kernel
 * arguments. What would be said on the console goes to standard error.
 */
export function runLibrary(shell: readonly [string, ...string[]], folder: string, script: string): Promise<Finished> {
  const prelude = `
    set -u
    slipway_run=${folder}
    slipway_journal= DRACUT_SYSTEMD=
    getarg() { return 1; }
    getargbool() { return 1; }
    for library in 90slipway-lib/slipway-lib 90slipway-lib/network-lib 90slipway-lib/fetch-lib \\
        90slipway-lib/unpack-lib 90bootc-live/oci-lib; do . ${MODULES}/$library.sh; done
    slipway_say() { printf '%s\\n' "$*" >&2; }
    slipway_pause=0 slipway_source=test oci_label=
    mkdir -p $slipway_root $slipway_work
  `;
  const [command, ...args] = shell;
  return run(command, [...args, '-c', `${prelude}\n${script}`]);
}
