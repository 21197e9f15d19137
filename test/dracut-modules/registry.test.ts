import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Member, type Oddities, ociBlobs } from './archives.ts';
import { sendFile, startFlakyServer } from './server.ts';
import { runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const LAYERS: readonly (readonly Member[])[] = [
  [{ name: 'etc/' }, { name: 'etc/motd', content: 'below' }, { name: 'etc/gone', content: 'x' }],
  [{ name: 'etc/motd', content: 'above' }, { name: 'etc/.wh.gone' }],
];

/** What is odd about a registry. */
interface Registry {
  readonly image?: Oddities;
  /** Wants a token for everything below /v2/. */
  readonly token?: boolean;
  /** Has the last word on an answer: true if it gave it. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse, n: number) => boolean;
}

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function pull({ image = {}, token = false, instead }: Registry, reference = 'boot/node:v1', sha256 = '') {
    const { blobs, top } = ociBlobs(LAYERS, image);
    const server = await startFlakyServer((request, response, n) => {
      const url = new URL(request.url ?? '', server.url);
      if (url.pathname === '/token') {
        expect(url.searchParams.get('service')).toBe('a registry');
        expect(url.searchParams.get('scope')).toBe('repository:boot/node:pull');
        return void response.end(JSON.stringify({ token: 'abc.DEF-1' }));
      }
      if (token && request.headers.authorization !== 'Bearer abc.DEF-1') {
        const challenge = `Bearer realm="${new URL('/token', server.url)}",service="a registry",scope="x"`;
        return void response.writeHead(401, { 'www-authenticate': challenge }).end();
      }
      if (instead?.(request, response, n)) return;
      const [, kind, what] = /^\/v2\/boot\/node\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? [];
      const bytes = blobs.get(what === 'v1' ? top : (what ?? ''));
      if (!bytes || (kind === 'manifests' && !request.headers.accept?.includes('oci.image.index'))) {
        return void response.writeHead(404).end();
      }
      sendFile(request, response, bytes);
    });
    const { path, remove } = await scratch();
    cleanups.push(server.stop, remove);
    const host = new URL(server.url).host;
    const finished = await runLibrary(
      shell,
      path,
      `getargbool() { [ "$2" = bootc.registry.unsecure ]; }
      slipway_tries=3 slipway_sha256='${sha256}' slipway_source=docker://${host}/${reference}
      oci_pull ${host}/${reference.replace('TOP', top)}`,
    );
    const read = (name: string) => readFile(join(path, name), 'utf8').catch(() => '');
    return {
      ...finished,
      ...{
        top,
        requests: server.requests,
        motd: await read('memory/root/etc/motd'),
        gone: await read('memory/root/etc/gone'),
      },
      ...{ failure: (await read('failure')).trim(), remedy: (await read('remedy')).trim() },
    };
  }

  test.each<readonly [string, Registry, string]>([
    ['by tag', {}, 'boot/node:v1'],
    ['by digest', {}, 'boot/node@TOP'],
    ['by tag and digest', {}, 'boot/node:other@TOP'],
    ['through an index of platforms', { image: { platforms: ['s390x', 'amd64', 'arm64'] } }, 'boot/node:v1'],
    ['through nested indexes', { image: { platforms: ['s390x', 'amd64'], nested: 2 } }, 'boot/node:v1'],
    ['from a registry that wants a token', { token: true }, 'boot/node:v1'],
  ])('an image is pulled %s', async (_, registry, reference) => {
    const result = await pull(registry, reference);
    expect(result.failure).toBe('');
    expect(result.code).toBe(0);
    expect([result.motd, result.gone]).toEqual(['above', '']);
  });

  test('a layer that breaks off goes on where it stopped', async () => {
    let broken = false;
    const result = await pull({
      instead: (request, response) => {
        if (!request.url?.includes('/blobs/') || broken) return false;
        broken = true;
        response.writeHead(200, { 'content-length': 1000, etag: '"1"' });
        response.write('', () => response.destroy());
        return true;
      },
    });
    expect(result.stderr).toMatch(/try 1 of 3 failed: curl: \((18|52|56)\)/);
    expect(result.code).toBe(0);
    expect(result.motd).toBe('above');
  });

  test('a layer with one flipped bit is asked for once more, then refused with both digests', async () => {
    const flip: Oddities = {
      tamper: (blobs, layers) => {
        const blob = blobs.get(String(layers[1]));
        if (blob) blob[9] = (blob[9] ?? 0) ^ 1;
      },
    };
    const result = await pull({ image: flip });
    expect(result.code).not.toBe(0);
    expect(result.failure).toMatch(/^layer sha256:[0-9a-f]{64} of .* expected [0-9a-f]{64}, got [0-9a-f]{64}$/);
    expect(result.requests.filter(({ url }) => url?.includes('/blobs/'))).toHaveLength(4);
  });

  test('a manifest other than slipway.sha256= says is refused', async () => {
    const result = await pull({}, 'boot/node:v1', '0'.repeat(64));
    expect(result.code).not.toBe(0);
    expect(result.failure).toContain(`expected ${'0'.repeat(64)}, got ${result.top.slice(7)}`);
  });

  test.each<readonly [Oddities, string]>([
    [{ platforms: ['s390x', 'arm64'] }, 'is not for this machine (linux/amd64), but for linux/arm64, linux/s390x'],
    [{ platforms: ['amd64'], nested: 3 }, 'nests its indexes too deeply'],
  ])('an image of %o is refused', async (image, why) => {
    const result = await pull({ image });
    expect(result.code).not.toBe(0);
    expect(result.failure).toContain(why);
  });

  test('a layer that is elsewhere is named as such', async () => {
    const result = await pull({
      image: {
        layerType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
        tamper: (blobs, layers) => blobs.delete(String(layers[1])),
      },
    });
    expect(result.code).not.toBe(0);
    expect(result.failure).toMatch(/^layer sha256:[0-9a-f]{64} is elsewhere, not with the image$/);
  });

  test('a registry that wants a log-in is named as such', async () => {
    const result = await pull({ instead: (_, response) => Boolean(response.writeHead(401).end()) });
    expect(result.failure).toContain('401');
    expect(result.remedy).toContain('wants a log-in');
  });

  test.each([
    ['docker.io/debian', 'library/debian', 'latest'],
    ['docker.io/debian:13', 'library/debian', '13'],
    ['index.docker.io/debian', 'library/debian', 'latest'],
    ['debian:13', 'library/debian', '13'],
    ['docker.io/library/debian', 'library/debian', 'latest'],
    ['docker.io/someone/debian:13', 'someone/debian', '13'],
  ])('%s is an image of the registry that Docker has', async (reference, name, wanted) => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    const { stdout } = await runLibrary(shell, path, `oci_parse_reference ${reference}; echo "$oci_base $oci_wanted"`);
    expect(stdout.trim()).toBe(`https://registry-1.docker.io/v2/${name} ${wanted}`);
  });

  test.each(['boot/', 'boot/node:', 'bo ot', 'boot//node'])('"%s" names no image', async (reference) => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    const finished = await runLibrary(shell, path, `oci_pull 'registry.example.org/${reference}'`);
    expect(finished.code).not.toBe(0);
    expect(await readFile(join(path, 'failure'), 'utf8')).toContain('names no image');
  });
});
