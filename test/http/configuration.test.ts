import { afterEach, expect, it } from 'vitest';
import { createConfigurationSource } from '../../src/daemon/configuration/source.ts';
import { BootAccess } from '../../src/daemon/fleet/tokens/boot-access.ts';
import { NO_TOKEN } from '../../src/model/boot/boot-plan.ts';
import { defaultRoot } from '../../src/model/boot/root-methods/methods.ts';
import type { BootWithSteps } from '../../src/model/fleet/boot.ts';
import { aBoot, MAC } from '../model/fleet/machines.ts';
import { aConfig, aNode, settings } from '../support/config.ts';
import { Serving } from './serving.ts';

let serving: Serving;
afterEach(() => serving.stop());

const CONFIGURATION = {
  user_data: { password: { '!secret': 'env:PASSWORD' }, write_files: [{ path: '/a', permissions: '0644' }] },
  meta_data: { 'public-keys': ['ssh-ed25519 AAAA a'], tags: { rack: 'r1' } },
  ignition: { ignition: { version: '3.4.0' } },
  files: { 'ks.cfg': 'kickstart.njk' },
};

const ROOT = {
  ...defaultRoot('b2c'),
  containers: [{ image: 'alpine', env: { A: { '!secret': 'env:PASSWORD' } } }, 'b'],
  cache_device: 'auto',
};

/** A server with one machine, whose boot is of these steps. */
async function start(env: NodeJS.ProcessEnv = { PASSWORD: 's3cret' }) {
  let boot: BootWithSteps = aBoot([{ stage: 'script' }]);
  let now = 0;
  const access = new BootAccess({
    boot: () => boot,
    byId: (id) => (boot.id === id ? boot : undefined),
    secret: 'ab'.repeat(32),
    now: () => now,
  });
  const node = aNode({ settings: settings({ configuration: [{ value: CONFIGURATION, from: 'test' }] }) });
  const match = () => ({ mac: MAC, node, settings: node.settings, why: '' });
  serving = await Serving.start();
  const events = serving.events;
  const configuration = createConfigurationSource({
    ...{ config: () => aConfig([node]), match, access, env },
    root: async () => ({ root: ROOT, args: [] }),
    file: async (_mac, template) => `${template} http://x/configuration/${NO_TOKEN}/user-data\n`,
    record: (event) => void events.push(event),
    monotonic: () => now,
  });
  await serving.stop();
  serving = await Serving.start({ configuration });
  const token = access.tokenFor(MAC, { client: '127.0.0.1', uuid: undefined });
  return {
    access,
    token,
    recorded: () => JSON.stringify([...events, ...serving.events]),
    get: (path: string, headers: Record<string, string> = {}, method = 'GET') =>
      fetch(serving.url + path, { headers, method }),
    becomes: (next: BootWithSteps, at = 0) => {
      boot = next;
      now = at;
    },
  };
}

it('gives the documents by the token, with secrets, and never caches or logs them', async () => {
  const { get, token, recorded } = await start();
  const response = await get(`/configuration/${token}/user-data`);
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
  expect(await response.text()).toMatch(/^#cloud-config\n[\s\S]*password: "s3cret"[\s\S]*permissions: "0644"/);
  expect(await (await get(`/configuration/${token}/meta-data`)).text()).toMatch(/instance-id: "n001-[0-9a-f]{12}"/);
  expect(await (await get(`/configuration/${token}/ignition`)).json()).toEqual(CONFIGURATION.ignition);
  expect((await get(`/configuration/${token}/vendor-data`)).status).toBe(200);
  const file = await get(`/configuration/${token}/files/ks.cfg`);
  expect(await file.text()).toBe(`kickstart.njk http://x/configuration/${token}/user-data\n`);
  expect((await get(`/configuration/${token}/files/constructor`)).status).toBe(404);
  expect((await get(`/configuration/${token}/passwd`)).status).toBe(404);
  await get(`/configuration/${token}`);
  await get(`//configuration/${token}/x/y`);
  expect(recorded()).toContain('"event":"configuration.sent"');
  expect(recorded()).not.toContain(token);
  expect(recorded()).not.toContain('s3cret');
  // A 404 of a system that looks around is no failure of its boot.
  expect(recorded()).toContain('"event":"configuration.refused"');
});

it('names a secret that is missing in the log, and not to the machine', async () => {
  const { get, token, recorded } = await start({});
  const response = await get(`/configuration/${token}/user-data`);
  expect([response.status, await response.text()]).toEqual([503, expect.not.stringContaining('PASSWORD')]);
  expect(recorded()).toContain('the secret env:PASSWORD is not set');
});

it("gives the arguments of its root, for some time after the initrd's", async () => {
  const { get, token, recorded, becomes } = await start({ PASSWORD: "it's $1" });
  const path = `/configuration/${token}/arguments`;
  const response = await get(path);
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
  expect(await response.text()).toBe(`b2c.container="-e 'A=it'\\''s $1' alpine" b2c.container=b\n`);
  expect(recorded()).not.toContain("it's");
  becomes(aBoot([{ stage: 'initrd', at: 1000 }]), 60_000);
  expect((await get(path)).status).toBe(200);
  becomes(aBoot([{ stage: 'initrd', at: 1000 }]), 11 * 60_000);
  expect((await get(path)).status).toBe(404);
});

it.each([
  ['a"b', `root.containers[0].env.A: expected text with no '"', which boot2container drops`],
  ['a\nb', 'root.containers[0].env.A has a line break or a control character'],
])('does not send arguments with a secret that cannot stand there, and says so in the log: %j', async (secret, why) => {
  const { get, token, recorded } = await start({ PASSWORD: secret });
  const response = await get(`/configuration/${token}/arguments`);
  expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('its log says why')]);
  expect(JSON.parse(recorded())).toContainEqual(expect.objectContaining({ message: expect.stringContaining(why) }));
  expect(recorded()).not.toContain(JSON.stringify(secret).slice(1, -1));
});

it('refuses other tokens, those of other boots, those used too often, and those of a root that came long ago', async () => {
  const { get, token, access, becomes } = await start();
  const status = async (of = token) => (await get(`/configuration/${of}/user-data`)).status;
  expect(await status('0'.repeat(32))).toBe(404);
  becomes(aBoot([{ stage: 'root', at: 1000 }]), 60_000);
  expect(await status()).toBe(200);
  becomes(aBoot([{ stage: 'root', at: 1000 }]), 11 * 60_000);
  expect(await status()).toBe(404);
  becomes(aBoot([{ stage: 'script' }], { id: '2'.repeat(16) }));
  expect(await status()).toBe(404);
  const next = access.tokenFor(MAC, undefined);
  for (let n = 0; n < 50; n++) expect(await status(next)).toBe(200);
  expect(await status(next)).toBe(429);
});

it('speaks the second version of EC2’s metadata service to the machine at an address', async () => {
  const { get } = await start();
  const TTL = 'x-aws-ec2-metadata-token-ttl-seconds';
  expect((await get('/latest/api/token')).status).toBe(405);
  for (const ttl of ['0', '21601', 'x'])
    expect((await get('/latest/api/token', { [TTL]: ttl }, 'PUT')).status).toBe(400);
  const proxied = { [TTL]: '60', 'x-forwarded-for': '192.0.2.7' };
  expect((await get('/latest/api/token', proxied, 'PUT')).status).toBe(403);
  const session = await (await get('/latest/api/token', { [TTL]: '60' }, 'PUT')).text();
  const read = async (path: string, token = session) => (await get(path, { 'x-aws-ec2-metadata-token': token })).text();
  expect((await get('/latest/meta-data/')).status).toBe(401);
  expect((await get('/latest/meta-data/', { 'x-aws-ec2-metadata-token': 'other' })).status).toBe(401);
  expect((await read('/2021-03-23/meta-data/')).split('\n')).toEqual(
    expect.arrayContaining(['instance-id', 'local-hostname', 'hostname', 'public-keys/', 'tags/']),
  );
  expect(await read('/latest/meta-data/tags/rack')).toBe('r1');
  expect(await read('/latest/meta-data/public-keys/')).toBe('0=key-0');
  expect(await read('/latest/meta-data/public-keys/0/openssh-key')).toBe('ssh-ed25519 AAAA a');
  expect(await read('/latest/user-data')).toContain('s3cret');
  expect(await read('/latest')).toBe('meta-data/\nuser-data');
  expect(await read('/latest/meta-data/constructor')).toContain('no such document');
});

it('gives no session where no machine, or more than one, has the address', async () => {
  const { get, access, becomes } = await start();
  const put = async () =>
    (await get('/latest/api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': '60' }, 'PUT')).status;
  expect(await put()).toBe(200);
  becomes(aBoot([{ stage: 'script' }], { outcome: 'unfinished' }));
  expect(await put()).toBe(404);
  becomes(aBoot([{ stage: 'script' }]));
  access.noteAddress('127.0.0.1', { mac: '52:54:00:00:00:09' as typeof MAC, boot: '1'.repeat(16) });
  expect(await put()).toBe(404);
});

it('knows a claim by address and by UUID, once the boot is past its script', async () => {
  const { access, becomes } = await start();
  const asker = { client: '192.0.2.7', uuid: 'a' };
  access.tokenFor(MAC, asker);
  expect(access.isClaim(MAC, { ...asker, client: '192.0.2.8' })).toBe(false);
  becomes(aBoot([{ stage: 'kernel' }]), 1000);
  expect(access.isClaim(MAC, asker)).toBe(false);
  expect(access.isClaim(MAC, { ...asker, uuid: undefined })).toBe(false);
  expect(access.isClaim(MAC, { ...asker, client: '192.0.2.8' })).toBe(true);
  expect(access.isClaim(MAC, { ...asker, uuid: 'b' })).toBe(true);
  becomes(aBoot([{ stage: 'up' }], { outcome: 'up' }), 1000);
  expect(access.isClaim(MAC, { ...asker, client: '192.0.2.8' })).toBe(false);
});
