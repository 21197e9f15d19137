import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  axeFindings,
  type PageOptions,
  startBrowser,
  type TestBrowser,
  type TestPage,
} from '../support/dashboard/browser.ts';
import { startExampleFleet } from '../support/dashboard/example-fleet.ts';
import { seesText, tabTo } from '../support/dashboard/keyboard.ts';
import { startPrefixProxy } from '../support/dashboard/prefix-proxy.ts';

let fleet: Awaited<ReturnType<typeof startExampleFleet>>;
let browser: TestBrowser;

beforeAll(async () => {
  fleet = await startExampleFleet();
  browser = await startBrowser();
});
afterEach(async () => {
  // Each page holds a connection open, and a browser has six for a server.
  for (const page of (await browser.browser.pages()).slice(1)) await page.close();
});
afterAll(async () => {
  await browser?.close();
  await fleet?.stop();
});

async function open(hash: string, options: PageOptions = {}, url = fleet.url): Promise<TestPage> {
  const opened = await browser.open(`${url}/${hash}`, options);
  await opened.page.waitForFunction(() => document.querySelector('.connected')?.textContent === 'Live');
  await opened.page.waitForNetworkIdle({ concurrency: 1, idleTime: 200 });
  return opened;
}

const PAGES = [
  ['the fleet', '#/'],
  ['the fleet as dots', '#/', 'dots'],
  ['the fleet as a list', '#/', 'list'],
  ['a machine that boots', '#/node/r1-n19'],
  ['a machine that failed', '#/node/r3-n05'],
  ['its settings', '#/node/r3-n05', 'explanation'],
  ['a machine that never asked', '#/node/r4-n24'],
  ['unknown machines', '#/unknown'],
  ['the form for adopting', '#/unknown', 'adopt'],
  ['images', '#/images'],
] as const;

const ACTS: Readonly<Record<string, (opened: TestPage) => Promise<unknown>>> = {
  dots: ({ page }) => page.locator('::-p-xpath(//label[.="Dots"])').click(),
  list: ({ page }) => page.locator('::-p-xpath(//label[.="List"])').click(),
  explanation: async ({ page }) => {
    await page.locator('::-p-xpath(//label[.="Where settings come from"])').click();
    await page.waitForSelector('.plain-table .value');
  },
  adopt: async ({ page }) => {
    await page.evaluate((token) => sessionStorage.setItem('slipway-token', token), fleet.token);
    await page.locator('.strangers button').click();
    await page.locator('dialog input[name=profile]').fill('compute');
    await page.locator('dialog .primary').click();
    await page.waitForSelector('dialog .line.added');
  },
};

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  test.each(PAGES)('axe finds nothing on %s, and nothing is wider than a phone', async (_, hash, act?: string) => {
    for (const size of [{}, { width: 390, height: 844 }]) {
      const opened = await open(hash, { ...size, theme });
      const { page, troubles } = opened;
      await ACTS[act ?? '']?.(opened);
      expect(await axeFindings(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(
        0,
      );
      expect(troubles).toEqual([]);
      await page.evaluate(() => localStorage.clear());
      await page.close();
    }
  });
});

test('the theme can be chosen, and stays chosen', async () => {
  const { page } = await open('#/', { theme: 'light' });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.click('.theme');
  expect(await background()).toBe(light);
  await page.click('.theme');
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.reload();
  await page.waitForSelector('.theme');
  expect(await background()).toBe(dark);
  await page.evaluate(() => localStorage.clear());
  await page.close();
});

test('it works behind a prefix of a proxy: pages, changes as they happen, orders', async () => {
  const proxy = await startPrefixProxy(fleet.url, '/boot/slipway');
  const { page, troubles } = await open('#/node/r2-n01', {}, proxy.url);
  await page.evaluate((token) => sessionStorage.setItem('slipway-token', token), fleet.token);
  await page.locator('.node-head .primary').click();
  await seesText(page, 'Ordered: debian at its next boot, by admin');
  fleet.begin('r2-n01');
  await page.waitForSelector('.node-state[data-stage="dhcp"]');
  expect(troubles).toEqual([]);
  await page.close();
  proxy.stop();
});

test('machines are filtered by what they do and found by anything, and that is part of the address', async () => {
  const { page } = await open('#/');
  const names = () => page.$$eval('[data-name]', (cells) => cells.map((cell) => cell.getAttribute('data-name')));
  await page.click('[data-phase="stuck"].count');
  await page.waitForFunction(() => document.querySelectorAll('[data-name]').length < 40);
  expect(await names()).toEqual(expect.arrayContaining(['r1-n08', 'r1-n09', 'r1-n10', 'r3-n23']));
  await page.keyboard.press('/');
  await page.keyboard.type('rack=r1 09');
  await page.waitForFunction(() => document.querySelectorAll('[data-name]').length === 1);
  expect(new URL(page.url()).hash).toBe('#/?q=rack%3Dr1+09&phase=stuck');
  await page.reload();
  await page.waitForSelector('[data-name]');
  expect(await names()).toEqual(['r1-n09']);
  await page.close();
});

test('arrows go from machine to machine, and the tab key leaves them', async () => {
  const { page } = await open('#/');
  await tabTo(page, '[data-name="r1-n01"]');
  const focused = () => page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.name);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowLeft');
  expect(await focused()).toBe('r1-n02');
  await page.keyboard.press('End');
  await page.waitForFunction(() => (document.activeElement as HTMLElement | null)?.dataset.name === 'r4-n24');
  await page.keyboard.press('Home');
  await page.waitForFunction(() => (document.activeElement as HTMLElement | null)?.dataset.name === 'r1-n01');
  await page.keyboard.press('Tab');
  expect(await focused()).toBeUndefined();
  await page.close();
});
