import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createServingLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import type { Running } from '../support/process.ts';

const URL = `http://${SERVER_ADDRESS}:8080`;
const macOf = (n: number) => `52:54:00:00:00:0${n}`;
const CONFIG = `
server: { interface: eth0, http: { workers: 2 }, dhcp: false }
images:
  careful:
    kernel: k
    root: { method: image, source: careful }
    rollout: { canary: 1, then: 50% }
  kept: { kernel: k, root: { method: image, source: kept }, keep_last_good: true }
nodes:
${[1, 2, 3, 4].map((n) => `  n${n}: { mac: "${macOf(n)}", image: careful }`).join('\n')}
  n5: { mac: "${macOf(5)}", image: kept }
`;
const squashfs = (text: string) => Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(10_000, text)]);
const digestOf = (text: string) => createHash('sha256').update(squashfs(text)).digest('hex');

let lab: Lab;
let daemon: Running;

beforeAll(async () => {
  const files = { k: Buffer.alloc(50_000, 'k'), careful: squashfs('1'), kept: squashfs('1') };
  ({ lab, daemon } = await createServingLab(CONFIG, files));
});
afterAll(() => lab?.destroy());

const curl = (...args: string[]) => lab.network.must('client', 'curl', ['-sS', '--fail', ...args]);
const slipway = (...args: string[]) =>
  lab.network.must('server', process.execPath, ['dist/cli.js', ...args, '--config', lab.configFile]);

/** How often each file was replaced since the daemon's start. */
const replaced = new Map<string, number>();

async function replace(name: string, text: string): Promise<void> {
  const path = join(lab.folder, 'artifacts', name);
  await writeFile(`${path}.new`, squashfs(text));
  await rename(`${path}.new`, path);
  const times = (replaced.get(name) ?? 0) + 1;
  replaced.set(name, times);
  await daemon.until(new RegExp(`(?:${name} has a new version[\\s\\S]*){${times}}`));
}

/** The root that a machine boots, until its network is up; gives its digest, and a function for its next report. */
async function boot(n: number) {
  const script = await curl('-A', 'iPXE/1.21.1', `${URL}/ipxe/${macOf(n)}`);
  const [, root = ''] = /slipway\.sha256=([0-9a-f]{64})/.exec(script) ?? [];
  const [, report = ''] = /slipway\.report=(\S+)/.exec(script) ?? [];
  const tell = (stage: string, happening: string) =>
    curl('-d', `stage=${stage}`, '-d', `happening=${happening}`, '-d', 'message=so', report);
  await curl('-o', '/dev/null', `${URL}/blobs/sha256/${root}/r`);
  await tell('network', 'done');
  return { root, tell };
}

/** The root of a machine whose boot ends so. */
async function bootTo(n: number, stage: 'up' | 'root'): Promise<string> {
  const { root, tell } = await boot(n);
  await tell(stage, stage === 'up' ? 'done' : 'failed');
  return root;
}

test('a new version goes to one machine first, and no further where that does not come up', async () => {
  for (const n of [1, 2, 3, 4]) expect(await bootTo(n, 'up')).toBe(digestOf('1'));
  await replace('careful', '2');
  expect(await bootTo(1, 'root')).toBe(digestOf('2'));
  expect(await bootTo(2, 'up')).toBe(digestOf('1'));
  expect(await bootTo(1, 'up')).toBe(digestOf('1'));
  expect(await slipway('rollouts')).toMatch(/careful +\w{16} +\w{16} +stopped +n1 did not come up with it/);
  await daemon.until(/image careful: version \w+ goes to no more: n1 did not come up with it/);
});

test('the next version goes to a part, and then to all, while machines come up', async () => {
  const next = async (n: string) => JSON.parse(await curl(`${URL}/api/v1/nodes/${n}/next`)) as { differs: boolean };
  expect(await next('n3')).toMatchObject({ differs: false });
  await replace('careful', '3');
  const first = await boot(4);
  expect(first.root).toBe(digestOf('3'));
  expect(await bootTo(3, 'up')).toBe(digestOf('1'));
  await first.tell('up', 'done');
  expect(await next('n3')).toMatchObject({ node: 'n3', differs: true, next: { version: digestOf('3') } });
  // Half of four.
  expect(await bootTo(3, 'up')).toBe(digestOf('3'));
  for (const n of [1, 2]) expect(await bootTo(n, 'up')).toBe(digestOf('3'));
  expect(await slipway('rollouts')).toMatch(/careful +\w{16} +\w{16} +all/);
});

test('a machine on which a new version failed twice gets the one before, after a restart of the server too', async () => {
  expect(await bootTo(5, 'up')).toBe(digestOf('1'));
  await replace('kept', '2');
  expect(await bootTo(5, 'root')).toBe(digestOf('2'));
  expect(await bootTo(5, 'root')).toBe(digestOf('2'));
  expect(await bootTo(5, 'up')).toBe(digestOf('1'));
  await daemon.stop();
  daemon = await lab.serve();
  replaced.clear();
  expect(await bootTo(5, 'up')).toBe(digestOf('1'));
  await replace('kept', '3');
  expect(await bootTo(5, 'up')).toBe(digestOf('3'));
});
