import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { chooseCoding, readBuiltFiles } from '../../src/http/built/built-files.ts';
import { NO_FLEET } from '../support/no-fleet.ts';
import { Serving } from './serving.ts';

/** The most that the scripts of the page may have before they are compressed, bytes. */
const MOST_SCRIPT = 100 * 1024;

let serving: Serving | undefined;
afterEach(async () => {
  await serving?.stop();
  serving = undefined;
});

/** With exactly these headers: fetch would add some, and decode the answer. */
async function raw(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.join('')}\r\n`;
  const answer = Buffer.from((await serving?.raw(request)) ?? '', 'latin1');
  const at = answer.indexOf('\r\n\r\n');
  const head = answer.subarray(0, at).toString();
  const headerOf = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim();
  return { status: Number(head.split(' ')[1]), headerOf, body: answer.subarray(at + 4) };
}

describe('the dashboard', () => {
  it('is one page with relative addresses of files whose names have digests', async () => {
    serving = await Serving.start();
    const { status, headerOf, body } = await raw('/');
    expect([status, headerOf('content-type'), headerOf('cache-control')]).toEqual([
      ...[200, 'text/html; charset=utf-8', 'no-cache'],
    ]);
    const links = [...body.toString().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link);
    expect(links).toHaveLength(3);
    for (const link of links) expect(link).toMatch(/^\.\/assets\/[\w-]+-[\w-]{8}\.(?:js|css|svg)$/);
    for (const link of links) {
      const file = await raw(`/${link?.slice(2)}`);
      expect([file.status, file.headerOf('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
    }
  });

  it('may load its own files and ask its own server, and nothing else', async () => {
    serving = await Serving.start();
    const { headerOf } = await raw('/');
    const policy = headerOf('content-security-policy');
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; .*frame-ancestors 'none'/);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect([headerOf('x-content-type-options'), headerOf('referrer-policy')]).toEqual(['nosniff', 'no-referrer']);
  });

  it('is sent compressed where the client takes that, each form with its own tag', async () => {
    serving = await Serving.start();
    const plain = await raw('/');
    const br = await raw('/', { 'Accept-Encoding': 'gzip, deflate, br' });
    const gzip = await raw('/', { 'Accept-Encoding': 'gzip;q=1.0, br;q=0' });
    expect([br.headerOf('content-encoding'), gzip.headerOf('content-encoding')]).toEqual(['br', 'gzip']);
    expect(brotliDecompressSync(br.body)).toEqual(plain.body);
    expect(gunzipSync(gzip.body)).toEqual(plain.body);
    expect(new Set([plain, br, gzip].map(({ headerOf }) => headerOf('etag'))).size).toBe(3);
    expect(br.headerOf('vary')).toBe('Accept-Encoding');
    const again = await raw('/', { 'Accept-Encoding': 'br', 'If-None-Match': br.headerOf('etag') ?? '' });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  });

  it('answers HEAD without a body, refuses other methods, and has no other files', async () => {
    serving = await Serving.start();
    const head = await raw('/', {}, 'HEAD');
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect((await raw('/', {}, 'POST')).status).toBe(405);
    for (const path of ['/assets/nothing.js', '/assets/', '/assets/..%2findex.html', '/index.html', '/assets/%ff'])
      expect((await raw(path)).status).toBeGreaterThanOrEqual(400);
  });

  it('is not there where the configuration has it off', async () => {
    serving = await Serving.start({ fleet: { ...NO_FLEET, hasDashboard: async () => false } });
    for (const path of ['/', '/assets/index.js']) expect((await raw(path)).status).toBe(404);
    expect((await raw('/api/v1/status')).status).toBe(200);
  });

  it('has less than 100 KB of script before compression', async () => {
    const files = [...(await readBuiltFiles('dashboard'))];
    const scripts = files.filter(([path]) => path.endsWith('.js')).map(([, { plain }]) => plain.length);
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.reduce((sum, size) => sum + size, 0)).toBeLessThan(MOST_SCRIPT);
  });
});

describe('built files', () => {
  it('are none where nothing was built, and no others than known kinds', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-built-'));
    expect(await readBuiltFiles(join(folder, 'missing'))).toEqual(new Map());
    await writeFile(join(folder, 'a.js'), 'a');
    await writeFile(join(folder, 'a.js.gz'), 'b');
    await writeFile(join(folder, 'notes.txt'), 'c');
    const files = await readBuiltFiles(folder);
    expect([...files.keys()]).toEqual(['a.js']);
    expect([...(files.get('a.js')?.coded ?? [])]).toEqual([['gzip', Buffer.from('b')]]);
    await rm(folder, { recursive: true });
  });

  it.each([
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['gzip', 'gzip'],
    ['gzip, BR', 'br'],
    ['br;q=0, gzip;q=0.5', 'gzip'],
    ['br;q=0.000', undefined],
  ])('for Accept-Encoding %j have the coding %j', (accepted, expected) => {
    const coded = new Map(['br', 'gzip'].map((coding) => [coding, Buffer.of()]));
    expect(chooseCoding(accepted, { coded })).toBe(expected);
  });
});
