import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MISDEEDS, type Misbehave, startHostileRegistry } from '../support/hostile-registry.ts';
import { runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** It reads no configuration, takes larger manifests, and of a layer no more than was said, which is checked. */
const HARMLESS = ['a manifest of 5 MB', 'a configuration of other bytes', 'a layer that is longer than was said'];

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function pull(misbehave: Misbehave, token: boolean) {
    const { path, remove } = await scratch();
    const { host, stop } = await startHostileRegistry([{ name: 'motd', content: 'hello' }], misbehave, token);
    cleanups.push(stop, remove);
    const script = `getargbool() { [ "$2" = bootc.registry.unsecure ]; }
      slipway_tries=2 slipway_stall_timeout=1 slipway_sha256= slipway_source=docker://${host}/boot/node:v1
      oci_pull ${host}/boot/node:v1`;
    const { code } = await runLibrary(shell, path, script);
    const read = (name: string) => readFile(join(path, name), 'utf8').catch(() => '');
    return { code, motd: await read('memory/root/motd'), failure: await read('failure') };
  }

  test.each([false, true])('a registry with nothing wrong gives its image; a token is wanted: %s', async (token) => {
    expect(await pull(() => false, token)).toMatchObject({ code: 0, motd: 'hello' });
  });

  test.each(MISDEEDS.filter(({ name }) => !HARMLESS.includes(name)))(
    '$name ends in a reason',
    { timeout: 40_000 },
    async ({ misbehave, token }) => {
      const { code, failure } = await pull(misbehave, token);
      expect(code).not.toBe(0);
      expect(failure).not.toBe('');
    },
  );
});
