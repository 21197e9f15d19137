import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MODULES, runLibrary, SHELLS, scratch } from './shell.ts';

const DIGEST = 'ab'.repeat(32);
const ROOT_HASH = 'cd'.repeat(32);

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  /** Runs a script with the module's functions, and gives its output and why it failed. */
  async function nbd(script: string, before: (path: string) => Promise<void> = async () => {}) {
    const { path, remove } = await scratch();
    await before(path);
    const library = `. ${MODULES}/90slipway-nbd/slipway-nbd.sh; . ${MODULES}/90slipway-nbd/nbd-lib.sh`;
    const { stdout, stderr, code } = await runLibrary(shell, path, `${library}\n${script}`);
    const failure = (await readFile(join(path, 'failure'), 'utf8').catch(() => '')).trim();
    const files = async (name: string) => readFile(join(path, name), 'utf8').catch(() => undefined);
    const drop = await files('run/systemd/network/80-dhcp.network.d/50-slipway.conf');
    await remove();
    return { code, stdout: stdout.trim(), stderr, failure, drop };
  }

  const withArguments = (source: string, verity: string) =>
    nbd(`getarg() { [ "$1" = slipway.verity= ] && echo '${verity}'; }
      slipway_source='${source}'
      nbd_read_arguments && echo "$nbd_host $nbd_port $nbd_digest $nbd_verity $nbd_blocks"`);

  test('the method is claimed by root=slipway+nbd: alone', async () => {
    const claim = (root: string) =>
      nbd(`getarg() { echo '${root}'; }; slipway_claim && echo "$slipway_method $slipway_source $slipway_writable"`);
    expect((await claim('slipway+nbd:192.0.2.10:10809/x')).stdout).toBe('slipway-nbd nbd://192.0.2.10:10809/x 1');
    for (const root of ['', 'slipway+nbd:', 'nbd:192.0.2.10:x', 'slipway:http://192.0.2.10/x']) {
      expect((await claim(root)).code).toBe(1);
    }
  });

  test.each([
    [`nbd://192.0.2.10:10809/${DIGEST}`, `192.0.2.10 10809 ${DIGEST} ${ROOT_HASH} 13919`],
    [`nbd://[2001:db8::1]:1/${DIGEST}`, `2001:db8::1 1 ${DIGEST} ${ROOT_HASH} 13919`],
  ])('%s is read', async (source, expected) => {
    expect(await withArguments(source, `${ROOT_HASH}:13919`)).toMatchObject({ code: 0, stdout: expected, stderr: '' });
  });

  test.each([
    `nbd://boot.example.net:10809/${DIGEST}`,
    `nbd://192.0.2.10/${DIGEST}`,
    `nbd://192.0.2.10:10809/${DIGEST.slice(1)}`,
    'nbd://192.0.2.10:10809/',
    `nbd://192.0.2.10:$(id)/${DIGEST}`,
  ])('%s is refused with what is expected instead', async (source) => {
    const { code, failure } = await withArguments(source, `${ROOT_HASH}:13919`);
    expect(code).toBe(1);
    expect(failure).toContain('is not ADDRESS:PORT/DIGEST');
  });

  test.each(['', ROOT_HASH, `${ROOT_HASH}:`, `${ROOT_HASH}:1x`, `${ROOT_HASH.slice(2)}:13919`, `:13919`])(
    'slipway.verity=%s is refused: nothing boots unchecked',
    async (verity) => {
      const { code, failure } = await withArguments(`nbd://192.0.2.10:10809/${DIGEST}`, verity);
      expect(code).toBe(1);
      expect(failure).toContain('the image cannot be checked');
    },
  );

  test('every network that the image configures keeps its address when the system starts', async () => {
    const { drop } = await nbd(
      'slipway_root=$slipway_run/root nbd_networks=$slipway_run/run/systemd/network; nbd_keep_network',
      async (path) => {
        const folder = join(path, 'root/etc/systemd/network');
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, '80-dhcp.network'), '[Network]\nDHCP=yes\n');
      },
    );
    expect(drop).toBe('[Network]\nKeepConfiguration=yes\nIgnoreCarrierLoss=yes\n');
  });
});
