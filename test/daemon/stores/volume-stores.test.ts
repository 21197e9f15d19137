import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsV4Signer } from 'aws4fetch';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StoreError } from '../../../src/daemon/containers/stores/ask-store.ts';
import { signerFor } from '../../../src/daemon/containers/stores/sign.ts';
import { createVolumeStores } from '../../../src/daemon/containers/stores/volume-stores.ts';
import type { PutFile, StoreSettings } from '../../../src/model/containers/stored-files.ts';
import { folder } from '../../dracut-modules/shell.ts';
import { startS3Server } from '../../support/s3-server.ts';

const stores = createVolumeStores(Date.now);
const file = (path: string): PutFile => ({ path, size: 1, mode: '0640', uid: 7, gid: 8, mtime: 1_700_000_000 });

async function put(store: StoreSettings, prefix: string, paths: readonly string[]) {
  const urls = await stores.presign(store, prefix, { put: paths.map(file), delete: [] });
  for (const { url, headers, path } of urls.put) {
    const { status } = await fetch(url, { method: 'PUT', headers, body: path });
    expect([path, status]).toEqual([path, 200]);
  }
}

/** A server that gives one answer to everything. */
async function answering(status: number, body: string): Promise<StoreSettings> {
  const server = createServer((_, response) => void response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve()).closeAllConnections()));
  const url = `http://user:hidden@127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, bucket: 'lab', region: 'us-east-1', accessKey: 'KEY-ID', secretKey: 'hidden' };
}

/** A server that closes each connection at its second request, as one does that was idle for too long. */
async function closing(body: string): Promise<StoreSettings> {
  const used = new WeakSet<object>();
  const server = createServer(({ socket }, response) => {
    if (used.has(socket)) return void socket.destroy();
    used.add(socket);
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve()).closeAllConnections()));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, bucket: 'lab', region: 'us-east-1', accessKey: 'KEY-ID', secretKey: 'hidden' };
}

const failureOf = (store: StoreSettings) =>
  stores.list(store, 'x').then(
    () => undefined,
    (error: unknown) => error as StoreError,
  );

test('a store may close connections that are idle', async () => {
  const store = await closing('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
  for (let n = 0; n < 4; n++) expect(await stores.list(store, 'x')).toEqual([]);
});

describe('a store that checks signatures', () => {
  const NAMES = [
    'plain',
    'a/b c',
    "it's",
    '"quoted"',
    'ü/名前',
    'a+b',
    'a&b=c',
    '50%',
    '%2e%2e',
    'what?#',
    '(x)!*~',
    '  x  ',
    '007',
  ];

  test('lists and gives what was brought, whatever it is called', async () => {
    const { store } = await startS3Server(await folder());
    await put(store, 'n1', NAMES);
    await put(store, 'n10', ['other']);
    const files = await stores.list(store, 'n1');
    expect(files.map(({ path }) => path).sort()).toEqual([...NAMES].sort());
    for (const { path, url, size, etag } of files) {
      const response = await fetch(url);
      expect([response.status, await response.text()]).toEqual([200, path]);
      expect([size, etag]).toEqual([Buffer.byteLength(path), response.headers.get('etag')]);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'x-amz-meta-mode': String(0o100640),
        'x-amz-meta-uid': '7',
        'x-amz-meta-gid': '8',
        'x-amz-meta-mtime': '1700000000',
      });
    }
  });

  test('removes', async () => {
    const { store } = await startS3Server(await folder());
    await put(store, '', ['a', 'b']);
    const urls = await stores.presign(store, '', { put: [], delete: ['a'] });
    expect((await fetch(urls.delete[0]?.url ?? '', { method: 'DELETE' })).status).toBe(204);
    expect((await stores.list(store, '')).map(({ path }) => path)).toEqual(['b']);
  });

  test('refuses other metadata, another object, another method, and a URL that is too old', async () => {
    const { store } = await startS3Server(await folder());
    const [wanted] = (await stores.presign(store, 'n1', { put: [file('a')], delete: [] })).put;
    const { url, headers } = wanted ?? { url: '', headers: {} };
    const status = async (to: string, init: RequestInit) => (await fetch(to, { body: 'x', ...init })).status;
    expect(await status(url, { method: 'PUT', headers: { ...headers, 'x-amz-meta-uid': '0' } })).toBe(403);
    expect(await status(url, { method: 'PUT' })).toBe(403);
    expect(await status(url.replace('/n1/', '/n2/'), { method: 'PUT', headers })).toBe(403);
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(403);
    const old = createVolumeStores(() => Date.now() - 901_000);
    const [late] = (await old.presign(store, 'n1', { put: [file('a')], delete: [] })).put;
    expect(await status(late?.url ?? '', { method: 'PUT', headers: late?.headers ?? {} })).toBe(403);
    expect(await stores.list(store, '')).toEqual([]);
  });

  test('lists page by page', async () => {
    const { store } = await startS3Server(await folder());
    const many = Array.from({ length: 1203 }, (_, n) => `f${n}`);
    for (let at = 0; at < many.length; at += 100) {
      await Promise.all(many.slice(at, at + 100).map((path) => put(store, 'many', [path])));
    }
    expect((await stores.list(store, 'many/')).map(({ path }) => path).sort()).toEqual([...many].sort());
  });

  test('says what is wrong with its settings, and no credentials', async () => {
    const { store } = await startS3Server(await folder());
    const messages = [
      await failureOf({ ...store, accessKey: 'KEY-ID' }),
      await failureOf({ ...store, secretKey: 'hidden' }),
      await failureOf({ ...store, bucket: 'nowhere' }),
    ].map((error) => error?.message);
    const name = `the store ${store.url}, bucket`;
    expect(messages).toEqual([
      `${name} lab, answered 403 InvalidAccessKeyId: it does not know access_key`,
      `${name} lab, answered 403 SignatureDoesNotMatch: secret_key, or region, is wrong`,
      `${name} nowhere, answered 404 NoSuchBucket: the bucket does not exist`,
    ]);
  });
});

describe('what is no store', () => {
  const page = (contents: string, more = '<IsTruncated>false</IsTruncated>') =>
    `<ListBucketResult>${more}${contents}</ListBucketResult>`;
  const object = (key: string) =>
    `<Contents><Key>${key}</Key><Size>1</Size><LastModified>2026-11-26T20:00:00.000Z</LastModified></Contents>`;

  test.each([
    [200, '<html>hello</html>', 'answer'],
    [200, '', 'answer'],
    [200, page('<Contents/>'), 'answer'],
    [200, page('', '<IsTruncated>true</IsTruncated>'), 'answer'],
    [200, `<!DOCTYPE x [<!ENTITY a "b">]>${page('')}`, 'answer'],
    [200, page(object('x/%zz'), '<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>'), 'answer'],
    [200, page('', '<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>'), 'too-many'],
    [302, '', 'refused'],
    [500, '<Error><Code>hidden&#10;line</Code></Error>', 'refused'],
  ])('%i with %.60s is an error: %s', async (status, body, reason) => {
    const error = await failureOf(await answering(status, body));
    expect(error).toBeInstanceOf(StoreError);
    expect(error?.reason).toBe(reason);
    expect(error?.message).not.toMatch(/hidden|KEY-ID|X-Amz|\n/);
  });

  test('an answer without an end is given up', async () => {
    const error = await failureOf(await answering(200, 'x'.repeat(9_000_000)));
    expect(error?.message).toMatch(/does not answer: its answer is longer than 8388608 bytes$/);
  });

  test('a server that is not there is named', async () => {
    const { store, process } = await startS3Server(await folder());
    await process.stop();
    const error = await failureOf(store);
    expect(error?.reason).toBe('unreachable');
    expect(error?.message).toMatch(/^the store http:\/\/127\.0\.0\.1:\d+, bucket lab, does not answer: .*ECONNREFUSED/);
  });

  test('keys that cannot be paths of the volume get no URL', async () => {
    const keys = ['x/good', 'x/a/../b', 'x/../y', 'x//b', 'x/dir/', 'y/other', 'x/a&#10;b', 'x/./b', 'x/a&amp;&quot;b'];
    const store = await answering(200, page(keys.map(object).join('')));
    expect((await stores.list(store, 'x')).map(({ path }) => path)).toEqual(['good', 'a&"b']);
  });
});

test('a path that is too long with its prefix gets no URL', async () => {
  const store = await answering(200, '');
  const urls = await stores.presign(store, 'x'.repeat(1000), {
    put: [file('y'.repeat(100))],
    delete: ['z'.repeat(100)],
  });
  expect(urls).toEqual({ put: [], delete: [] });
});

test('a URL is signed as AWS Signature Version 4 says', async () => {
  // The example of "Authenticating Requests: Using Query Parameters" in the Amazon S3 API Reference.
  const signed = await new AwsV4Signer({
    url: 'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Expires=86400',
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
    service: 's3',
    datetime: '20130524T000000Z',
    signQuery: true,
  }).sign();
  expect(signed.url.searchParams.get('X-Amz-Signature')).toBe(
    'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
});

test('a URL names the object below the path of the store, for 15 minutes', async () => {
  const store = { url: 'https://s3.example.org/below/', bucket: 'b', region: 'eu', accessKey: 'A', secretKey: 'S' };
  const url = new URL(await signerFor(store, Date.UTC(2026, 10, 26, 20))({ method: 'GET', key: 'x y/ü' }));
  expect(url.pathname).toBe('/below/b/x%20y/%C3%BC');
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    'X-Amz-Expires': '900',
    'X-Amz-Date': '20261126T200000Z',
    'X-Amz-Credential': 'A/20261126/eu/s3/aws4_request',
    'X-Amz-SignedHeaders': 'host',
  });
});
