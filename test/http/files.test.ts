import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppOptions } from '../../src/http/app-options.ts';
import { Serving } from './serving.ts';

let serving: Serving;
beforeEach(async () => {
  serving = await Serving.start();
});
afterEach(() => serving.stop());

async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(serving.url + path, { method, headers, redirect: 'manual' });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function pinned(path: string, content: string): Promise<string> {
  await serving.file(path, content);
  const result = await serving.store.pin(path);
  if (!result.ok) throw new Error(result.why);
  return result.pin.digest;
}

describe('/artifacts', () => {
  it('serves a file with all that a client needs to resume and to revalidate', async () => {
    await serving.file('a b.img', 'hello');
    const { status, headers, text } = await get('/artifacts/a%20b.img');
    expect([status, text]).toEqual([200, 'hello']);
    expect(headers.get('etag')).toMatch(/^"[0-9a-z-]+"$/);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-length': '5',
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      'cache-control': 'no-cache',
      'last-modified': expect.stringMatching(/ GMT$/),
    });
  });

  it.each([
    ['bytes=0-0', 'h', 'bytes 0-0/5'],
    ['bytes=1-', 'ello', 'bytes 1-4/5'],
    ['bytes=-2', 'lo', 'bytes 3-4/5'],
    ['bytes=1-99', 'ello', 'bytes 1-4/5'],
  ])('answers 206 to %s', async (range, text, contentRange) => {
    await serving.file('a', 'hello');
    const answer = await get('/artifacts/a', { range });
    expect([answer.status, answer.text]).toEqual([206, text]);
    expect(answer.headers.get('content-range')).toBe(contentRange);
    expect(answer.headers.get('content-length')).toBe(String(text.length));
  });

  it('answers 416 with the size to a range beyond the end', async () => {
    await serving.file('a', 'hello');
    const { status, headers } = await get('/artifacts/a', { range: 'bytes=5-' });
    expect([status, headers.get('content-range')]).toEqual([416, 'bytes */5']);
  });

  it.each(['bytes=0-0,2-3', 'bytes=3-1', 'lines=1-2', 'bytes=x'])('answers %s with the whole', async (range) => {
    await serving.file('a', 'hello');
    const { status, headers, text } = await get('/artifacts/a', { range });
    expect([status, text, headers.get('content-range')]).toEqual([200, 'hello', null]);
  });

  it('ignores Range for HEAD', async () => {
    await serving.file('a', 'hello');
    const { status, headers } = await get('/artifacts/a', { range: 'bytes=1-2' }, 'HEAD');
    expect([status, headers.get('content-length')]).toEqual([200, '5']);
  });

  it('serves an empty file, whatever the range', async () => {
    await serving.file('empty', '');
    expect(await get('/artifacts/empty')).toMatchObject({ status: 200, text: '' });
    expect(await get('/artifacts/empty', { range: 'bytes=-1' })).toMatchObject({ status: 200, text: '' });
    expect(await get('/artifacts/empty', { range: 'bytes=0-' })).toMatchObject({ status: 416 });
  });

  it('serves the end of a file of 5 GB', async () => {
    const file = await serving.file('sparse', '');
    await truncate(file, 5_000_000_000);
    const { status, headers, text } = await get('/artifacts/sparse', { range: 'bytes=4999999997-' });
    expect([status, text]).toEqual([206, '\0\0\0']);
    expect(headers.get('content-range')).toBe('bytes 4999999997-4999999999/5000000000');
    expect((await get('/artifacts/sparse', {}, 'HEAD')).headers.get('content-length')).toBe('5000000000');
  });

  it('answers 304 to a version that the client has, and 412 where another was wanted', async () => {
    await serving.file('a', 'hello');
    const { headers } = await get('/artifacts/a');
    const etag = headers.get('etag') ?? '';
    const modified = headers.get('last-modified') ?? '';
    const same = await get('/artifacts/a', { 'if-none-match': etag });
    expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag]);
    expect(await get('/artifacts/a', { 'if-modified-since': modified })).toMatchObject({ status: 304 });
    expect(await get('/artifacts/a', { 'if-none-match': '"x"' })).toMatchObject({ status: 200 });
    expect(await get('/artifacts/a', { 'if-match': '"x"' })).toMatchObject({ status: 412 });
    expect(await get('/artifacts/a', { 'if-none-match': etag, range: 'bytes=99-' })).toMatchObject({ status: 304 });
  });

  it('resumes only the version that If-Range names', async () => {
    await serving.file('a', 'hello');
    const { headers } = await get('/artifacts/a');
    const etag = headers.get('etag') ?? '';
    const modified = headers.get('last-modified') ?? '';
    const range = 'bytes=2-';
    expect(await get('/artifacts/a', { range, 'if-range': etag })).toMatchObject({ status: 206, text: 'llo' });
    expect(await get('/artifacts/a', { range, 'if-range': modified })).toMatchObject({ status: 206, text: 'llo' });
    expect(await get('/artifacts/a', { range, 'if-range': '"x"' })).toMatchObject({ status: 200, text: 'hello' });
    await serving.file('a', 'other');
    expect(await get('/artifacts/a', { range, 'if-range': etag })).toMatchObject({ status: 200, text: 'other' });
  });

  it('gives a file that was written just now a weak tag and no date', async () => {
    await writeFile(join(serving.root, 'young'), 'x');
    const future = Date.now() / 1000 + 60;
    await utimes(join(serving.root, 'young'), future, future);
    const { headers } = await get('/artifacts/young');
    expect(headers.get('etag')).toMatch(/^W\//);
    expect(headers.get('last-modified')).toBeNull();
  });

  it('uses the digest as the tag of a version in force', async () => {
    const digest = await pinned('a', 'hello');
    expect((await get('/artifacts/a')).headers.get('etag')).toBe(`"${digest}"`);
  });

  it.each([
    ['/artifacts/../secret', 403],
    ['/artifacts/%2e%2e/secret', 403],
    ['/artifacts/..%2fsecret', 403],
    ['/artifacts/a/..%5c..%5csecret', 403],
    ['/artifacts/a%00b', 403],
    ['/artifacts/%2fetc/passwd', 403],
    ['/artifacts//etc/passwd', 404],
    ['/artifacts/%252e%252e/secret', 404],
    ['/artifacts/%c0%ae%c0%ae/secret', 400],
    ['/artifacts/%', 400],
    ['/artifacts/%zz', 400],
    ['/artifacts/.slipway/digests.json', 404],
    ['/artifacts/', 404],
    ['/artifacts', 404],
    ['/artifacts/none', 404],
    ['/artifacts/none?x=/../a', 404],
    [`/artifacts/${'x'.repeat(5000)}`, 404],
    ['/artifacts/fifo', 403],
  ])('answers %s with %d', async (path, status) => {
    spawnSync('mkfifo', [join(serving.root, 'fifo')]);
    const answer = await serving.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).not.toContain('passwd');
  });

  it('serves names that need every kind of encoding', async () => {
    const name = 'ü %41#?&+;\'"<é>.img';
    await serving.file(name, 'x');
    expect(await get(`/artifacts/${encodeURIComponent(name)}`)).toMatchObject({ status: 200, text: 'x' });
    expect(await get('/artifacts/%41')).toMatchObject({ status: 404 });
  });

  it.each([
    ['boot.efi', 'application/efi'],
    ['BOOT.EFI', 'application/efi'],
    ['menu.ipxe', 'text/plain; charset=utf-8'],
    ['page.html', 'application/octet-stream'],
    ['vmlinuz', 'application/octet-stream'],
  ])('serves %s as %s', async (name, type) => {
    await serving.file(name, 'x');
    expect((await get(`/artifacts/${name}`)).headers.get('content-type')).toBe(type);
  });

  it('records a download with its path, status and bytes', async () => {
    await serving.file('a', 'hello');
    await get('/artifacts/a', { range: 'bytes=1-2' });
    const [event] = await serving.until('http.download');
    expect(event).toMatchObject({ path: '/artifacts/a', status: 206, bytes: 2, length: 2, complete: true });
  });
});

describe('/blobs', () => {
  it('serves a version by its digest, for ever', async () => {
    const digest = await pinned('root.img', 'hello');
    const { status, headers, text } = await get(`/blobs/sha256/${digest}/root.img`);
    expect([status, text]).toEqual([200, 'hello']);
    expect(Object.fromEntries(headers)).toMatchObject({
      etag: `"${digest}"`,
      'cache-control': 'public, max-age=31536000, immutable',
      'docker-content-digest': `sha256:${digest}`,
      'repr-digest': `sha-256=:${createHash('sha256').update('hello').digest('base64')}:`,
      'accept-ranges': 'bytes',
      'content-length': '5',
    });
    expect(await get(`/blobs/sha256/${digest}`)).toMatchObject({ status: 200 });
    expect(await get(`/blobs/sha256/${digest}/`)).toMatchObject({ status: 200 });
    expect(await get(`/blobs/sha256/${digest}/x`, { 'if-none-match': `"${digest}"` })).toMatchObject({ status: 304 });
    const resumed = await get(`/blobs/sha256/${digest}/x`, { range: 'bytes=3-', 'if-range': `"${digest}"` });
    expect(resumed).toMatchObject({ status: 206, text: 'lo' });
  });

  it('serves .efi names as UEFI wants them', async () => {
    const digest = await pinned('a', 'hello');
    expect((await get(`/blobs/sha256/${digest}/a.efi`)).headers.get('content-type')).toBe('application/efi');
  });

  it.each([
    '',
    'sha256',
    'sha256/',
    'sha256/abc/x',
    `sha256/${'0'.repeat(64)}/x`,
    `sha512/${'0'.repeat(64)}/x`,
    'sha256/../a',
  ])('answers 404 to /blobs/%s', async (path) => {
    expect((await get(`/blobs/${path}`)).status).toBe(404);
  });

  it('answers 410, never other bytes, when the version was overwritten in place', async () => {
    const digest = await pinned('a', 'old');
    await serving.file('a', 'NEW');
    const { status, text } = await get(`/blobs/sha256/${digest}/a`);
    // A file system with reflinks still has the old bytes.
    if (status === 200) expect(text).toBe('old');
    else expect([status, text]).toEqual([410, expect.stringContaining('renaming')]);
  });
});

describe('a failing store', () => {
  const failing = (code: string): AppOptions['artifacts'] => {
    const fail = () => Promise.reject(Object.assign(new Error(`${code}: inner`), { code }));
    return { open: fail, openBlob: fail };
  };

  it.each([
    ['EIO', 500],
    ['EACCES', 500],
    ['EMFILE', 503],
  ])('with %s is %d, and the log alone knows more', async (code, status) => {
    await serving.stop();
    serving = await Serving.start({ artifacts: failing(code) });
    for (const path of ['/artifacts/a', `/blobs/sha256/${'0'.repeat(64)}/a`]) {
      const answer = await get(path);
      expect(answer.status).toBe(status);
      expect(answer.text).not.toContain('inner');
    }
    expect(serving.events).toContainEqual(expect.objectContaining({ event: 'http.error', code }));
  });

  it('whose read fails at the first byte answers 500 and lets go of the file', async () => {
    await serving.stop();
    let closed = 0;
    const broken: AppOptions['artifacts']['open'] = async () => ({
      ok: true,
      file: {
        fd: -1,
        size: 5,
        modified: 0,
        stamp: 'x',
        digest: undefined,
        read: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })),
        intact: async () => true,
        intactNow: () => true,
        renew: async () => true,
        close: async () => {
          closed += 1;
        },
      },
    });
    serving = await Serving.start({ artifacts: { open: broken, openBlob: broken } });
    const { status, headers } = await get('/artifacts/a', { range: 'bytes=1-' });
    expect([status, headers.get('content-range'), headers.get('etag')]).toEqual([500, null, null]);
    expect(closed).toBe(1);
  });
});
