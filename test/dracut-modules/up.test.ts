import { chmod, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { run } from '../support/process.ts';
import { startReportServer } from './report-server.ts';
import { MODULES, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** What systemctl says: the state, and the failed units. */
const systemctl = (state: string, units = '') => `#!/bin/sh
case $1 in is-system-running) echo ${state} ;; *) printf '${units}' ;; esac`;

/** Runs the script with no other programs than these. */
async function up(
  url: string,
  programs: readonly (readonly [name: string, program: string])[],
  fake = systemctl('running'),
) {
  const { path, remove } = await scratch();
  cleanups.push(remove);
  await writeFile(join(path, 'systemctl'), fake);
  await chmod(join(path, 'systemctl'), 0o755);
  await symlink('/bin/true', join(path, 'sleep'));
  for (const [name, program] of programs) await symlink(program, join(path, name));
  return run('/bin/dash', [`${MODULES}/90slipway-lib/slipway-up.sh`, url], { env: { PATH: path } });
}

describe('a system that is up', () => {
  test.each([
    ['curl', '/usr/bin/curl'],
    ['wget', '/usr/bin/wget'],
    ['wget', '/usr/bin/busybox'],
    ['bash', '/usr/bin/bash'],
  ])('reports by %s, which is %s', async (name, program) => {
    const server = await startReportServer();
    cleanups.push(server.stop);
    const failed = 'a@b\\\\x2dc.service loaded failed failed A unit\\nd.mount loaded failed failed D\\n';
    const { code } = await up(server.url, [[name, program]], systemctl('degraded', failed));
    expect(code).toBe(0);
    const [report] = await server.until(1);
    expect(report?.fields).toMatchObject({ stage: 'up', happening: 'done' });
    expect(report?.fields.message).toBe('up, failed units: a@b\\x2dc.service, d.mount');
  });

  test('tries five times, and does not fail', async () => {
    const server = await startReportServer((response) => response.writeHead(503).end());
    cleanups.push(server.stop);
    const { code, stderr } = await up(server.url, [['curl', '/usr/bin/curl']]);
    expect(code).toBe(0);
    expect(server.arrived).toHaveLength(5);
    expect(stderr).toContain('could not be told');
  });
});
