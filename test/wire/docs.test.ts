import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SIDEBAR } from '../../site/.vitepress/sidebar.ts';
import { axeFindings, startBrowser, type TestBrowser } from '../support/dashboard/browser.ts';
import { startPrefixProxy } from '../support/dashboard/prefix-proxy.ts';
import { startDocsServer } from '../support/docs-server.ts';
import { TOP } from '../support/lab.ts';
import { must } from '../support/process.ts';

const PAGES = SIDEBAR.flatMap(({ pages }) => pages.map(([, name]) => name));

let server: Awaited<ReturnType<typeof startDocsServer>>;
let proxy: Awaited<ReturnType<typeof startPrefixProxy>>;
let browser: TestBrowser;
let url: string;

beforeAll(async () => {
  // Dead links between pages end the build, and so does a page with a script or a style in it.
  await must('npm', ['run', '--silent', 'build', '--prefix', join(TOP, 'site')]);
  server = await startDocsServer(join(TOP, 'site/dist'));
  url = server.url;
  proxy = await startPrefixProxy(url, '/boot/slipway');
  browser = await startBrowser();
}, 600_000);
afterAll(async () => {
  await browser?.close();
  proxy?.stop();
  server?.stop();
});

const heading = (page: Page) => page.$eval('h1', (element) => element.textContent?.trim());
/** Waits until the page's script has taken the page over. */
const isAlive = (page: Page) =>
  page.waitForFunction(() => '__vue_app__' in (document.querySelector('#app') ?? {}) && 'SLIPWAY_DOCS' in globalThis);

describe.each([
  ['at the server itself', () => `${url}/docs`],
  ['below the prefix of a proxy', () => `${proxy.url}/docs`],
])('the site %s', (_, base) => {
  test('has each page, without a violation of its policy', async () => {
    for (const name of PAGES) {
      const { page, troubles } = await browser.open(`${base()}/${name}.html`);
      await isAlive(page);
      expect([name, await heading(page), troubles]).toEqual([name, expect.any(String), []]);
      await page.close();
    }
  });

  test('goes from page to page by its links, and by what its search finds', async () => {
    const { page, troubles } = await browser.open(base());
    await isAlive(page);
    expect(page.url()).toBe(`${base()}/`);
    await page.locator('main a[href$="from/warewulf.html"]').click();
    await page.waitForFunction(() => document.querySelector('h1')?.textContent?.includes('Warewulf'));
    expect(page.url()).toBe(`${base()}/from/warewulf.html`);
    await page.locator('main a[href$="configuration-of-machines.html"]').click();
    await page.waitForFunction(() => document.querySelector('h1')?.textContent?.includes('Configuration'));
    expect(page.url()).toBe(`${base()}/configuration-of-machines.html`);

    await page.locator('.DocSearch-Button').click();
    await page.locator('.search-input').fill('LLDP');
    await page.locator('.result[href*="machines.html"]').click();
    await page.waitForFunction(() => document.querySelector('h1')?.textContent?.includes('Which machine'));
    expect(page.url()).toBe(`${base()}/machines.html#what-can-be-matched`);
    expect(troubles).toEqual([]);
    await page.close();
  });
});

/** The small tables have no headings, as Markdown wants a row for them; and the search's button is VitePress's own. */
const KNOWN = /^(?:empty-table-header|label-content-name-mismatch):/;

test.each(['light', 'dark'] as const)('in the %s theme code is coloured, and axe finds nothing', async (theme) => {
  for (const size of [{}, { width: 390, height: 844 }]) {
    const { page, troubles } = await browser.open(`${url}/docs/start.html`, { theme, ...size });
    await isAlive(page);
    const colours = await page.$$eval('.vp-code span span', (spans) =>
      spans.map((each) => getComputedStyle(each).color),
    );
    expect(new Set(colours).size).toBeGreaterThan(2);
    expect((await axeFindings(page)).filter((each) => !KNOWN.test(each))).toEqual([]);
    expect(troubles).toEqual([]);
    await page.close();
  }
});
