// Takes the screenshots of README.md and docs/dashboard.md, of a simulated fleet: npm run screenshots

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer-core';
import { type PageOptions, startBrowser } from '../test/support/dashboard/browser.ts';
import { startExampleFleet } from '../test/support/dashboard/example-fleet.ts';

const FOLDER = fileURLToPath(new URL('../docs/images/', import.meta.url));
const PHONE = { width: 390, height: 844 };

await mkdir(FOLDER, { recursive: true });
const fleet = await startExampleFleet();
const browser = await startBrowser();

async function shoot(name: string, hash: string, options: PageOptions, act?: (page: Page) => Promise<void>) {
  const { page, troubles } = await browser.open(`${fleet.url}/${hash}`, options);
  await page.waitForFunction(() => document.querySelector('.connected')?.textContent === 'Live');
  await page.waitForNetworkIdle({ concurrency: 1, idleTime: 400 });
  await act?.(page);
  await page.screenshot({ path: `${FOLDER}${name}.png`, optimizeForSpeed: false });
  if (troubles.length > 0) throw new Error(troubles.join('\n'));
  await page.close();
}

const adopt = async (page: Page) => {
  await page.click('.strangers button');
  await page.waitForSelector('dialog input[name=name]');
  await page.evaluate((token) => sessionStorage.setItem('slipway-token', token), fleet.token);
  await page.type('dialog input[name=profile]', 'compute');
  await page.click('dialog .primary');
  await page.waitForSelector('dialog .code');
};

try {
  await shoot('dashboard-fleet-light', '#/', {});
  await shoot('dashboard-fleet-dark', '#/', { theme: 'dark' });
  await shoot('dashboard-node-light', `#/node/${fleet.slow}`, {});
  await shoot('dashboard-node-dark', `#/node/${fleet.slow}`, { theme: 'dark' });
  await shoot('dashboard-images', '#/images', {});
  await shoot('dashboard-adopt', '#/unknown', { theme: 'dark' }, adopt);
  await shoot('dashboard-phone-light', '#/', PHONE);
  await shoot('dashboard-phone-dark', `#/node/${fleet.failed}`, { ...PHONE, theme: 'dark' });
} finally {
  await browser.close();
  await fleet.stop();
}
