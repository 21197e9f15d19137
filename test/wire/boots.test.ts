import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Boot } from '../../src/model/fleet/boot.ts';
import type { ExplainedBoot, MachineStatus } from '../../src/model/fleet/status.ts';
import { createServingLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import type { Running } from '../support/process.ts';

const MAC = '52:54:00:00:00:01';
const URL = `http://${SERVER_ADDRESS}:8080`;
const CONFIG = `
server: { interface: eth0, http: { workers: 2 }, dhcp: false }
images: { debian: { kernel: k, initrd: i, root: { method: image, source: r } } }
nodes: { n001: { mac: "${MAC}", image: debian } }
`;
const SQUASHFS = Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(100_000, 'r')]);

let lab: Lab;
let daemon: Running;

beforeAll(async () => {
  const files = { k: Buffer.alloc(50_000, 'k'), i: Buffer.alloc(60_000, 'i'), r: SQUASHFS };
  ({ lab, daemon } = await createServingLab(CONFIG, files));
});
afterAll(() => lab?.destroy());

const curl = (...args: string[]) => lab.network.must('client', 'curl', ['-sS', '--fail', ...args]);
const slipway = (...args: string[]) =>
  lab.network.must('server', process.execPath, ['dist/cli.js', ...args, '--config', lab.configFile]);
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await slipway(...args, '--json')) as T;

/** A machine as far as its kernel: iPXE's requests. Gives the URL for its reports. */
async function boot(): Promise<string> {
  const script = await curl('-A', 'iPXE/1.21.1', `${URL}/ipxe/${MAC}`);
  for (const name of ['k', 'i'])
    await curl('-o', '/dev/null', new RegExp(`http:\\S+/${name}\\b`).exec(script)?.[0] ?? '');
  return /slipway\.report=(\S+)/.exec(script)?.[1] ?? '';
}

const report = (url: string, stage: string, happening: string, message: string) =>
  curl('-d', `stage=${stage}`, '-d', `happening=${happening}`, '--data-urlencode', `message=${message}`, url);

test('a boot is followed from its script until it is up, and shown', async () => {
  const watch = lab.network.start('server', process.execPath, ['dist/cli.js', 'watch', '--config', lab.configFile]);
  await watch.until(/^TIME/);
  // A person who looks boots nothing.
  await curl(`${URL}/ipxe/${MAC}`);
  expect(await json<MachineStatus[]>('status')).toEqual([]);
  const url = await boot();
  await report(url, 'network', 'done', 'eth0 is up');
  expect(await slipway('status')).toMatch(/^n001 +debian +network /m);
  await report(url, 'up', 'done', 'up, failed units: a.service');
  await watch.until(/n001 +up +up, failed units: a\.service/);
  await watch.stop();
  expect(watch.output).toMatch(/n001 +kernel .*\n.*n001 +initrd .*\n/);
  const [status] = await json<MachineStatus[]>('status');
  expect(status).toMatchObject({ node: 'n001', outcome: 'up', diagnosis: { rule: 'failed-units' } });
  expect(await slipway('logs', 'n001')).toMatch(/script +script sent[\s\S]*up +up, failed units: a\.service/);
  expect(await slipway('boots', MAC)).toMatch(/debian +up +up .*\n\nSTAGE +TOOK +MEDIAN OF 0/);
  expect(daemon.output).not.toContain(url.slice(-32));
});

test('boots outlive a daemon that is killed, and one under way goes on', async () => {
  await boot();
  const [before] = await json<MachineStatus[]>('status');
  // Every step that is shown as kept is kept: the store is asked until it has this boot's last.
  await expect.poll(async () => (await json<Boot[]>('boots', 'n001')).length, { timeout: 60_000 }).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 500));
  daemon.child.kill('SIGKILL');
  await daemon.exit;
  daemon = await lab.serve();
  const [after] = await json<MachineStatus[]>('status');
  expect(after).toMatchObject({ id: before?.id, node: 'n001', outcome: 'under-way' });
  // Its script is asked for again, as iPXE does where a download failed: the same boot.
  await report(await boot(), 'network', 'done', 'eth0 is up');
  expect((await json<ExplainedBoot>('logs', 'n001')).id).toBe(before?.id);
  expect(await json<Boot[]>('boots', 'n001')).toHaveLength(2);
});

test('a store that is away is told of once, and machines boot', async () => {
  daemon.child.kill('SIGTERM');
  await daemon.exit;
  for (const name of await readdir(lab.folder)) if (name.startsWith('slipway.db')) await rm(join(lab.folder, name));
  // A folder in the file's place: not even root can write to it.
  await mkdir(join(lab.folder, 'slipway.db'));
  daemon = await lab.serve();
  await daemon.until(/"event":"state\.away"/);
  expect(await boot()).toMatch(/\/report\/[0-9a-f]{32}$/);
  expect(daemon.output.match(/"event":"state\.away"/g)).toHaveLength(1);
  await rm(join(lab.folder, 'slipway.db'), { recursive: true });
  await daemon.until(/"event":"state\.back"/);
  await boot();
  await expect.poll(async () => (await json<Boot[]>('boots', 'n001')).length, { timeout: 60_000 }).toBe(1);
});

test('a daemon that is not there is said so, with the remedy', async () => {
  const { code, stderr } = await lab.network.run('server', process.execPath, [
    ...['dist/cli.js', 'status', '--server', 'http://127.0.0.1:1'],
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^slipway: no daemon answers at http:\/\/127\.0\.0\.1:1: .*; start it with "slipway serve"/);
});
