import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/model/fleet/diagnosis/diagnosis-rules.ts';
import { folder, runLibrary, SHELLS } from './shell.ts';

/** Looks whether a root fits into 100 MB that are free. @returns the failure; undefined where it goes on */
async function failureOf(shell: (typeof SHELLS)[number], needed: string, source: string): Promise<string | undefined> {
  const path = await folder();
  await writeFile(join(path, 'meminfo'), 'MemTotal:  200000 kB\nMemAvailable:  102400 kB\n');
  const { code } = await runLibrary(
    shell,
    path,
    `getarg() { [ "$1" != slipway.memory= ] || printf '%s\\n' '${needed}'; }
    slipway_source=${source} slipway_meminfo=${path}/meminfo
    slipway_check_memory`,
  );
  const failure = await readFile(join(path, 'failure'), 'utf8').catch(() => undefined);
  expect(code === 0).toBe(failure === undefined);
  return failure?.trim();
}

describe.each(SHELLS.map((shell) => ({ shell })))('before a root is fetched, $shell.0', ({ shell }) => {
  it('says that it cannot fit, in words that the diagnosis knows', async () => {
    const message = 'the root file system does not fit into its memory (it needs 101 MB, and 100 MB are free)';
    expect(await failureOf(shell, '101', 'http://x/root')).toBe(message);
    const boot = { outcome: 'failed', stage: 'network', steps: [{ happening: 'failed', message }] } as never;
    expect(RULES.find(({ fits }) => fits(boot, 0) !== false)?.name).toBe('no-memory');
  });

  it.each([
    ['100', 'http://x/root'],
    ['', 'http://x/root'],
    ['0x200', 'http://x/root'],
    ['9'.repeat(30), 'http://x/root'],
    ['101', '/root.oci'],
  ])('goes on where it needs "%s" of %s', async (needed, source) => {
    expect(await failureOf(shell, needed, source)).toBeUndefined();
  });
});
