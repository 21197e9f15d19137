import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodePacket } from '../../src/dhcp/codec/packet.ts';
import type { Boot } from '../../src/model/fleet/boot.ts';
import type { ExplainedBoot } from '../../src/model/fleet/status.ts';
import { aPacket } from '../support/dhcp.ts';
import { createServingLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import type { Running } from '../support/process.ts';

const OTHER_ADDRESS = '192.0.2.11';
const [ONE, TWO] = [SERVER_ADDRESS, OTHER_ADDRESS].map((address) => `http://${address}:8080`) as [string, string];
const MAC = '52:54:00:00:00:01';
const SQUASHFS = Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(100_000, 'r')]);

let postgres: Postgres;
let lab: Lab;
let one: Running;
let two: Running;

const config = (url: string, artifacts: string) => `
server: { interface: eth0, http: { workers: 2 } }
artifacts: ${artifacts}
state: ${url}
images: { debian: { kernel: k, initrd: i, root: { method: image, source: r } } }
nodes: { n001: { mac: "${MAC}", image: debian } }
`;

beforeAll(async () => {
  postgres = await startPostgres();
  const files = { k: Buffer.alloc(50_000, 'k'), i: Buffer.alloc(60_000, 'i'), r: SQUASHFS };
  ({ lab, daemon: one } = await createServingLab(config(postgres.url, './artifacts'), files));
  await lab.network.addHost('other', `${OTHER_ADDRESS}/24`);
  // For the broadcasts of its client.
  await lab.network.must('client', 'ip', ['route', 'add', 'default', 'dev', 'eth0']);
  two = await serveOther();
});
afterAll(async () => {
  await lab?.destroy();
  await postgres?.stop();
});

async function serveOther(): Promise<Running> {
  const file = join(lab.folder, 'other.yaml');
  await writeFile(file, config(postgres.url, './artifacts'));
  const args = [join(TOP, 'dist/cli.js'), 'serve', '--config', file, '--log', 'json'];
  const daemon = lab.network.start('other', process.execPath, args);
  await daemon.until(/"event":"ready"/);
  return daemon;
}

const curl = (...args: string[]) => lab.network.must('client', 'curl', ['-sS', '--fail', ...args]);
const json = async <T>(url: string): Promise<T> => JSON.parse(await curl(url)) as T;
const boots = async (url: string) => (await json<{ boots: Boot[] }>(`${url}/api/v1/boots?machine=n001`)).boots;
const steps = async (url: string, id: string) => (await json<ExplainedBoot>(`${url}/api/v1/boots/${id}`)).steps;
const at = (url: string, server: string) => url.replace(/^http:\/\/[^/]+/, server);

/** A DISCOVER of UEFI, which all daemons of the network hear. */
async function discover(): Promise<void> {
  const packet = Buffer.from(encodePacket(aPacket())).toString('hex');
  const job = { port: 68, send: [{ hex: packet, address: '255.255.255.255', port: 67 }] };
  const client = lab.network.start('client', process.execPath, ['--import', 'tsx', 'test/support/udp-client.ts'], {
    cwd: TOP,
    input: JSON.stringify(job),
  });
  // From each daemon; the DHCP server takes it for the same request as before.
  await client.until(/192\.0\.2\.10:67/);
  await client.until(/192\.0\.2\.11:67/);
  await client.stop();
}

/** The URLs in a script, at one of the daemons. */
function urlsIn(script: string, server: string): { readonly k: string; readonly i: string; readonly r: string } {
  const find = (name: string) => at(new RegExp(`http:\\S+/${name}\\b`).exec(script)?.[0] ?? '', server);
  return { k: find('k'), i: find('i'), r: find('r') };
}

const fetchAll = async (...urls: string[]) => {
  for (const url of urls) await curl('-o', '/dev/null', url);
};
const report = (url: string, stage: string) =>
  curl('-d', `stage=${stage}&happening=done&message=${stage}+is+done`, url);

test('any of two daemons answers any stage of a boot, and both tell the same of it', async () => {
  await discover();
  const script = await curl('-A', 'iPXE/1.21.1', `${ONE}/ipxe/${MAC}`);
  await fetchAll(urlsIn(script, TWO).k, urlsIn(script, ONE).i);
  const token = /slipway\.report=(\S+)/.exec(script)?.[1] ?? '';
  await report(at(token, TWO), 'network');
  await fetchAll(urlsIn(script, TWO).r);
  await report(at(token, ONE), 'up');
  const [mine, others] = await Promise.all([boots(ONE), boots(TWO)]);
  expect(mine).toHaveLength(1);
  expect(mine).toMatchObject([{ outcome: 'up', stage: 'up', image: 'debian' }]);
  expect(others).toEqual(mine);
  const id = mine[0]?.id ?? '';
  const all = await steps(ONE, id);
  expect(all.map(({ stage }) => stage)).toEqual([
    ...['dhcp', 'dhcp', 'script', 'kernel', 'initrd', 'network', 'root', 'up'],
  ]);
  expect((await steps(TWO, id)).map(({ stage, message }) => [stage, message])).toEqual(
    all.map(({ stage, message }) => [stage, message]),
  );
});

test('an order given at one counts at the other', async () => {
  const slipway = (...args: string[]) =>
    lab.network.must('server', process.execPath, [join(TOP, 'dist/cli.js'), ...args, '--config', lab.configFile]);
  await slipway('boot', 'n001', '--image', 'local', '--hold');
  expect(await curl('-A', 'iPXE/1.21.1', `${TWO}/ipxe/${MAC}`)).toContain('boots from its own disk');
  await slipway('boot', 'n001', '--cancel');
});

test('a boot goes on at the other daemon where one dies, and none of its steps is lost', async () => {
  await discover();
  const script = await curl('-A', 'iPXE/1.21.1', `${TWO}/ipxe/${MAC}`);
  const token = /slipway\.report=(\S+)/.exec(script)?.[1] ?? '';
  await fetchAll(urlsIn(script, TWO).k, urlsIn(script, TWO).i);
  await report(token, 'network');
  const [{ id = '' } = {}] = await boots(ONE);
  expect((await steps(ONE, id)).map(({ stage }) => stage)).toContain('network');
  await two.stop('SIGKILL');
  await fetchAll(urlsIn(script, ONE).r);
  await report(at(token, ONE), 'up');
  expect((await boots(ONE))[0]).toMatchObject({ id, outcome: 'up' });
  two = await serveOther();
  expect((await boots(TWO))[0]).toMatchObject({ id, outcome: 'up' });
});

test('machines boot while the database is away, and both say so', async () => {
  await postgres.kill();
  await one.until(/state\.away/);
  const script = await curl('-A', 'iPXE/1.21.1', `${ONE}/ipxe/${MAC}`);
  await fetchAll(urlsIn(script, ONE).k, urlsIn(script, ONE).i, urlsIn(script, ONE).r);
  await report(/slipway\.report=(\S+)/.exec(script)?.[1] ?? '', 'up');
  expect(await json(`${ONE}/api/v1/status`)).toMatchObject({ machines: [{ node: 'n001', outcome: 'up' }] });
  await postgres.restart();
  await Promise.all([one.until(/state\.back/), two.until(/state\.back/)]);
  const [last] = await boots(ONE);
  expect(last).toMatchObject({ outcome: 'up' });
  // The other learns of it from the database.
  while ((await boots(TWO))[0]?.id !== last?.id) await delay(100);
  const again = await curl('-A', 'iPXE/1.21.1', `${TWO}/ipxe/${MAC}`);
  await fetchAll(urlsIn(again, ONE).k);
  const [newest, before] = await boots(ONE);
  expect(before?.id).toBe(last?.id);
  expect((await boots(TWO)).slice(0, 2)).toMatchObject([{ id: newest?.id, stage: 'kernel' }, { id: last?.id }]);
});
