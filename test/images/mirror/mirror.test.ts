import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenMirror, openMirror } from '../../../src/images/mirror/mirror.ts';
import type { BootEvent } from '../../../src/model/event.ts';
import type { MirroredBlob } from '../../../src/model/files/mirrored.ts';
import { hexOfDigest } from '../../../src/model/files/sha256.ts';
import type { MirrorSettings, RegistrySettings } from '../../../src/model/settings/registry.ts';
import {
  type Asked,
  type HostileRegistry,
  MISDEEDS,
  type Misbehave,
  startHostileRegistry,
} from '../../support/hostile-registry.ts';

const NAME = 'boot/node';
const PATIENCE_MS = 500;
/** Does not shrink, and is longer than what a client waits for. */
const LARGE = [{ name: 'big', content: randomBytes(300_000).toString('base64') }];

let own: string;
let mirror: OpenMirror;
let clock: number;
const events: BootEvent[] = [];
const closing: (() => Promise<unknown>)[] = [];

const reopen = async () => {
  mirror = await openMirror({
    ...{ own, patienceMs: PATIENCE_MS, now: Date.now, monotonic: () => clock },
    ...{ record: (event) => events.push(event), secret: async (source) => `secret of ${source}` },
  });
};

beforeEach(async () => {
  own = await mkdtemp(join(tmpdir(), 'slipway-mirror-'));
  clock = 0;
  events.length = 0;
  await reopen();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await mirror.close();
  await rm(own, { recursive: true, force: true });
});

const registryOf = async (misbehave: Misbehave = () => false, token = false): Promise<HostileRegistry> => {
  const registry = await startHostileRegistry(LARGE, misbehave, token);
  closing.push(registry.stop);
  return registry;
};
const settingsOf = (host: string, more: Partial<MirrorSettings> = {}, limit = 1e9): RegistrySettings => ({
  ...{ mirrors: new Map([[host, { plainHttp: true, login: undefined, ...more }]]), tagsFor: 60, limit },
});
/** All bytes of a blob; undefined where they do not come. */
const bytesOf = async (blob: MirroredBlob): Promise<Buffer | undefined> => {
  if (!blob.ok) return undefined;
  const { file } = blob;
  try {
    const bytes = Buffer.alloc(file.size);
    const count = await file.read(bytes, 0);
    return count === file.size && file.intactNow() ? bytes : undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'NOT_ARRIVED' });
    return undefined;
  } finally {
    await file.close();
  }
};
const hashOf = (bytes: Uint8Array | undefined) => bytes && createHash('sha256').update(bytes).digest('hex');

/** The layer that a manifest of the registry names. */
async function layerOf(settings: RegistrySettings, host: string) {
  const found = await mirror.manifest(settings, host, NAME, 'v1');
  if (!found.ok) throw new Error(found.why);
  const [layer] = JSON.parse(found.manifest.text).layers as { digest: string; size: number }[];
  return { digest: hexOfDigest(layer?.digest ?? '') ?? '', size: layer?.size ?? 0 };
}

describe('an honest registry', () => {
  it('is asked once by all who want the same at once, and never again for a digest', async () => {
    const { host, asked } = await registryOf();
    const settings = settingsOf(host);
    const all = Array.from({ length: 20 });
    await Promise.all(all.map(() => mirror.manifest(settings, host, NAME, 'v1')));
    const { digest } = await layerOf(settings, host);
    const blobs = await Promise.all(all.map(async () => bytesOf(await mirror.blob(settings, host, NAME, digest))));
    expect(new Set(blobs.map(hashOf))).toEqual(new Set([digest]));
    await reopen();
    expect(hashOf(await bytesOf(await mirror.blob(settings, host, NAME, digest)))).toBe(digest);
    expect(asked).toEqual({ manifest: 1, layer: 1 });
    const told = events.filter(({ event }) => event === 'registry.asked').map((each) => `${each.kind} ${each.result}`);
    const manifests = ['manifest miss', ...Array(19).fill('manifest arriving'), 'manifest hit'];
    expect(told).toEqual([...manifests, 'blob miss', ...Array(19).fill('blob arriving'), 'blob hit']);
  });

  it('has its tags looked up again after a time, and is not asked before', async () => {
    const { host, asked } = await registryOf();
    const settings = settingsOf(host);
    // The second look is a HEAD, whose answer does not tell the digest here, and a GET.
    for (const [at, times] of [
      [0, 1],
      [59_000, 1],
      [61_000, 3],
    ] as const) {
      clock = at;
      await layerOf(settings, host);
      expect([at, asked.manifest]).toEqual([at, times]);
    }
  });

  it('may be away: its last known tags count on', async () => {
    const { host, stop } = await registryOf();
    const settings = settingsOf(host);
    const before = await mirror.manifest(settings, host, NAME, 'v1');
    await stop();
    clock = 100_000;
    await reopen();
    expect(await mirror.manifest(settings, host, NAME, 'v1')).toEqual(before);
    expect(events).toContainEqual(expect.objectContaining({ event: 'registry.away', level: 'warn' }));
    expect(await mirror.manifest(settings, host, NAME, 'v2')).toMatchObject({ ok: false, reason: 'away' });
  });

  it('gives nothing by names that are none, and no other host is asked', async () => {
    const { host, asked } = await registryOf();
    const settings = settingsOf(host);
    const missing = { ok: false, reason: 'missing' };
    for (const [at, name, reference] of [
      [host, '../x', 'v1'],
      [host, NAME, '../../token'],
      [host, NAME, 'v1?x'],
      ['127.0.0.1:1', NAME, 'v1'],
      ['__proto__', NAME, 'v1'],
    ] as const)
      expect(await mirror.manifest(settings, at, name, reference)).toMatchObject(missing);
    expect(await mirror.blob(settings, host, NAME, '../tags.json')).toMatchObject(missing);
    expect(await mirror.blob(settings, host, NAME, '0'.repeat(64))).toMatchObject(missing);
    expect(asked).toEqual({});
  });
});

it('is not hindered by what another registry says of the same blob', async () => {
  const [honest, liar] = [
    await registryOf(),
    await registryOf(({ what, response, bytes, type }) => {
      if (what !== 'manifest') return false;
      const json = JSON.parse(bytes.toString());
      for (const layer of json.layers) layer.size += 1;
      response.writeHead(200, { 'content-type': type }).end(JSON.stringify(json));
      return true;
    }),
  ];
  const [one, other] = [settingsOf(honest.host), settingsOf(liar.host)];
  const { digest } = await layerOf(one, honest.host);
  expect((await layerOf(other, liar.host)).digest).toBe(digest);
  expect(await mirror.blob(other, liar.host, NAME, digest)).toMatchObject({ ok: false, reason: 'away' });
  expect(hashOf(await bytesOf(await mirror.blob(one, honest.host, NAME, digest)))).toBe(digest);
});

describe('a registry that pauses in a blob', () => {
  const PART = 150_000;
  let held: Asked;
  const opened = async () => {
    const { host } = await registryOf((asked) => {
      if (asked.what !== 'layer') return false;
      held = asked;
      asked.response.writeHead(200, { 'content-length': asked.bytes.length });
      asked.response.write(asked.bytes.subarray(0, PART));
      return true;
    });
    const settings = settingsOf(host);
    const { digest } = await layerOf(settings, host);
    const blob = await mirror.blob(settings, host, NAME, digest);
    if (!blob.ok) throw new Error(blob.why);
    return { file: blob.file, digest, host };
  };

  it('has clients get what is there', async () => {
    const { file, digest } = await opened();
    const start = Buffer.alloc(PART);
    expect(await file.read(start, 0)).toBe(PART);
    expect(start.equals(held.bytes.subarray(0, PART))).toBe(true);
    held.response.end(held.bytes.subarray(PART));
    expect(hashOf(await bytesOf({ ok: true, file }))).toBe(digest);
  });

  it('has no file removed that a client still reads, to make room', async () => {
    const { file, host } = await opened();
    held.response.end(held.bytes.subarray(PART));
    expect(await file.read(Buffer.alloc(1), file.size - 1)).toBe(1);
    const found = await mirror.manifest(settingsOf(host), host, NAME, 'v1');
    if (!found.ok) throw new Error(found.why);
    const image = hexOfDigest(JSON.parse(found.manifest.text).config.digest) ?? '';
    const narrow = settingsOf(host, {}, file.size);
    expect(await mirror.blob(narrow, host, NAME, image)).toMatchObject({ ok: false, reason: 'away' });
    expect([file.intactNow(), await file.read(Buffer.alloc(1), 0)]).toEqual([true, 1]);
    await file.close();
    expect(hashOf(await bytesOf(await mirror.blob(narrow, host, NAME, image)))).toBe(image);
  });

  it('has them never get the last byte of other bytes', async () => {
    const { file } = await opened();
    const almost = Buffer.alloc(file.size - 1);
    const last = file.read(Buffer.alloc(1), file.size - 1);
    const reading = file.read(almost, 0);
    held.response.end(Buffer.alloc(file.size - PART));
    await expect(last).rejects.toMatchObject({ code: 'NOT_ARRIVED' });
    // Whether before the end or after.
    await reading.catch(() => {});
    await file.close();
  });

  it('has their reading fail when it breaks off', async () => {
    const { file } = await opened();
    const last = file.read(Buffer.alloc(1), file.size - 1);
    held.response.destroy();
    await expect(last).rejects.toMatchObject({ code: 'NOT_ARRIVED' });
    await file.close();
    expect(events).toContainEqual(expect.objectContaining({ event: 'registry.failed', level: 'warn' }));
  });

  it('and hardly moves is given up', async () => {
    const { file } = await opened();
    const trickle = setInterval(() => held.response.write('x'), 50);
    closing.push(async () => clearInterval(trickle));
    const reading = file.read(Buffer.alloc(1), file.size - 1);
    await expect(reading).rejects.toThrow('less than 1000 bytes a second came');
    await file.close();
  });
});

describe.each(MISDEEDS)('$name', ({ misbehave, token }) => {
  it('gives an error in time, never other bytes', async () => {
    const { host } = await registryOf(misbehave, token);
    const settings = settingsOf(host);
    const manifest = await mirror.manifest(settings, host, NAME, 'v1');
    if (manifest.ok) {
      expect(hashOf(Buffer.from(manifest.manifest.text))).toBe(manifest.manifest.digest);
      const { config, layers } = JSON.parse(manifest.manifest.text);
      for (const { digest: named } of [config, ...layers]) {
        const digest = hexOfDigest(named) ?? '';
        const bytes = await bytesOf(await mirror.blob(settings, host, NAME, digest));
        if (bytes !== undefined) expect(hashOf(bytes)).toBe(digest);
      }
    }
    await mirror.close();
    const left = await readdir(join(own, 'mirror/sha256')).catch(() => []);
    expect(left.filter((name) => !/^[0-9a-f]{64}$/.test(name))).toEqual([]);
  });
});

describe('the log-in', () => {
  /** A host that keeps what it was asked, and redirects nothing. */
  const listen = async (answer: (request: IncomingMessage) => readonly [number, Record<string, string>, string?]) => {
    const seen: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      seen.push(request);
      const [status, headers, body] = answer(request);
      response.writeHead(status, headers).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    return { seen, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  };
  const login = { username: 'slipway', secret: 'env:PASSWORD' };
  const basic = `Basic ${Buffer.from('slipway:secret of env:PASSWORD').toString('base64')}`;

  it('is a token that lasts, got anonymously', async () => {
    const { host, asked } = await registryOf(() => false, true);
    const settings = settingsOf(host);
    const { digest } = await layerOf(settings, host);
    expect(hashOf(await bytesOf(await mirror.blob(settings, host, NAME, digest)))).toBe(digest);
    expect(asked.token).toBe(1);
  });

  it('is the password where it is configured, and never goes to another host', async () => {
    const other = await listen(() => [404, {}]);
    const first = await listen(({ headers }) =>
      headers.authorization === undefined
        ? [401, { 'www-authenticate': 'Basic realm="x"' }]
        : [307, { location: `http://${other.host}/elsewhere` }],
    );
    const found = await mirror.manifest(settingsOf(first.host, { login }), first.host, NAME, 'v1');
    expect(found).toMatchObject({ ok: false, reason: 'missing' });
    expect(first.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, basic]);
    expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it('goes to the token service that the registry names', async () => {
    const service = await listen(() => [200, {}, '{"token":"abc"}']);
    const registry = await listen(({ headers }) =>
      headers.authorization === 'Bearer abc'
        ? [404, {}]
        : [401, { 'www-authenticate': `Bearer realm="http://${service.host}/token",service="s"` }],
    );
    const settings = settingsOf(registry.host, { login });
    expect(await mirror.manifest(settings, registry.host, NAME, 'v1')).toMatchObject({ reason: 'missing' });
    expect(service.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ['/token?service=s&scope=repository%3Aboot%2Fnode%3Apull', basic],
    ]);
  });

  it('that the configuration does not have is an error', async () => {
    const { host } = await listen(() => [401, { 'www-authenticate': 'Basic realm="x"' }]);
    const found = await mirror.manifest(settingsOf(host), host, NAME, 'v1');
    expect(found).toMatchObject({ ok: false, reason: 'away', why: expect.stringContaining('wants a log-in') });
  });
});

describe('the limit', () => {
  it('refuses what is larger than all of it', async () => {
    const { host } = await registryOf();
    const settings = settingsOf(host);
    const { digest, size } = await layerOf(settings, host);
    const found = await mirror.blob(settingsOf(host, {}, size - 1), host, NAME, digest);
    expect(found).toMatchObject({ ok: false, reason: 'away', why: expect.stringContaining('there is no room') });
  });

  it('removes what was not used for longest', async () => {
    const { host } = await registryOf();
    const settings = settingsOf(host);
    const { digest, size } = await layerOf(settings, host);
    clock += 1;
    expect(hashOf(await bytesOf(await mirror.blob(settingsOf(host, {}, size), host, NAME, digest)))).toBe(digest);
    // The manifest went.
    await expect.poll(() => readdir(join(own, 'mirror/sha256'))).toEqual([digest]);
  });
});
