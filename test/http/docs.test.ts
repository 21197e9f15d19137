import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDocsServer } from '../support/docs-server.ts';

let folder: string;
let url: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-site-'));
  await mkdir(join(folder, 'assets'));
  await mkdir(join(folder, 'from'));
  for (const path of ['index.html', 'from/matchbox.html', 'assets/app.1234abcd.js'])
    await writeFile(join(folder, path), path);
});
afterAll(() => rm(folder, { recursive: true }));

async function withSite(site: string, use: () => Promise<void>): Promise<void> {
  const server = await startDocsServer(site);
  url = server.url;
  await use().finally(() => server.stop());
}

describe('the documentation at /docs/', () => {
  it('is the built site, whose pages are asked for anew, and whose assets never change', () =>
    withSite(folder, async () => {
      const expected = [
        ['/docs/', 'index.html', 'text/html; charset=utf-8', 'no-cache'],
        ['/docs/from/matchbox.html', 'from/matchbox.html', 'text/html; charset=utf-8', 'no-cache'],
        [
          ...['/docs/assets/app.1234abcd.js', 'assets/app.1234abcd.js', 'text/javascript; charset=utf-8'],
          'public, max-age=31536000, immutable',
        ],
      ];
      for (const [path, body, type, caching] of expected) {
        const response = await fetch(url + path);
        const { headers } = response;
        expect([
          response.status,
          await response.text(),
          headers.get('content-type'),
          headers.get('cache-control'),
        ]).toEqual([...[200, body, type, caching]]);
        expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; /);
        expect(headers.get('content-security-policy')).not.toContain('unsafe');
      }
    }));

  it('is found below the prefix of a proxy too: /docs leads to its folder by a relative address', () =>
    withSite(folder, async () => {
      const { status, headers } = await fetch(`${url}/docs`, { redirect: 'manual' });
      expect([status, headers.get('location')]).toEqual([308, 'docs/']);
    }));

  it('has nothing else', () =>
    withSite(folder, async () => {
      for (const path of ['/docs/none.html', '/docs/from', '/docs/..%2findex.html', '/docs/%ff', '/docsindex.html'])
        expect((await fetch(url + path)).status, path).toBeGreaterThanOrEqual(400);
      expect((await fetch(`${url}/docs/`, { method: 'POST' })).status).toBe(405);
    }));

  it('says how it is made where it was not built', () =>
    withSite(join(folder, 'missing'), async () => {
      const response = await fetch(`${url}/docs/`);
      expect([response.status, await response.text()]).toEqual([
        ...[404, 'the documentation was not built: "make docs" makes it\n'],
      ]);
    }));
});
