import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { encodePacket } from '../../src/dhcp/codec/packet.ts';
import { startBrowser, type TestBrowser, type TestPage } from '../support/dashboard/browser.ts';
import { clickButton, pressButton, seesText, tabTo } from '../support/dashboard/keyboard.ts';
import { aPacket, ascii } from '../support/dhcp.ts';
import { createServingLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import type { Running } from '../support/process.ts';

const URL_OF = `http://${SERVER_ADDRESS}:8080`;
const MAC = '52:54:00:00:00:01';
const CONFIG = `
server: { interface: eth0, http: { workers: 2 } }
images:
  debian: { kernel: k, initrd: i, root: { method: image, source: r } }
  rescue: { kernel: k, initrd: i, root: { method: image, source: r } }
nodes:
  n001: { mac: "${MAC}", image: debian }
`;
/** From an event until it is seen, milliseconds. */
const SOON = 1000;

let lab: Lab;
let daemon: Running;
let browser: TestBrowser;
let opened: TestPage | undefined;

beforeAll(async () => {
  const files = { k: Buffer.alloc(50_000, 'k'), i: Buffer.alloc(60_000, 'i'), r: Buffer.from('hsqs'.padEnd(100_000)) };
  ({ lab, daemon } = await createServingLab(CONFIG, files));
  // For the broadcasts of its client.
  await lab.network.must('client', 'ip', ['route', 'add', 'default', 'dev', 'eth0']);
  browser = await startBrowser(lab.network.namespace('client'));
});
afterEach(async () => {
  const { page, troubles } = opened ?? {};
  opened = undefined;
  await page?.close();
  expect(troubles ?? []).toEqual([]);
});
afterAll(async () => {
  await browser?.close();
  await lab?.destroy();
});

async function open(hash = ''): Promise<Page> {
  opened = await browser.open(`${URL_OF}/${hash}`);
  await opened.page.waitForFunction(() => document.querySelector('.connected')?.textContent === 'Live');
  return opened.page;
}

const curl = (...args: string[]) => lab.network.must('client', 'curl', ['-sS', '--fail', ...args]);
const json = async <T>(path: string): Promise<T> => JSON.parse(await curl(`${URL_OF}/api/v1${path}`)) as T;
const orders = async () =>
  (await json<{ orders: { machine: string; image: string; repeat: string }[] }>('/orders')).orders;
const token = async () =>
  /^admin write (\S+)$/m.exec(await readFile(join(lab.folder, 'slipway.tokens'), 'utf8'))?.[1] ?? '';

/** A DISCOVER of a PXE machine with this last byte of its address. */
async function discover(last: number): Promise<void> {
  const chaddr = Uint8Array.of(0x52, 0x54, 0, 0, 0, last, ...new Uint8Array(10));
  const options = { 60: ascii('PXEClient:Arch:00000:UNDI:002001'), 93: Uint8Array.of(0, 0) };
  const packet = Buffer.from(encodePacket(aPacket(options, { xid: last, chaddr }))).toString('hex');
  const job = { port: 68, send: [{ hex: packet, address: '255.255.255.255', port: 67 }] };
  const client = lab.network.start('client', process.execPath, ['--import', 'tsx', 'test/support/udp-client.ts'], {
    cwd: TOP,
    input: JSON.stringify(job),
  });
  await daemon.until(new RegExp(`52:54:00:00:00:${last.toString(16).padStart(2, '0')}`));
  await client.stop();
}

test('each stage of a boot is seen within a second of its event, on both pages', async () => {
  const page = await open();
  const second = await browser.open(`${URL_OF}/#/node/n001`);
  const late: string[] = [];
  const seen = async (stage: string, act: () => Promise<unknown>) => {
    await act();
    const from = performance.now();
    await Promise.all([
      page.waitForSelector(`[data-name="n001"][data-stage="${stage}"]`),
      second.page.waitForSelector(`.messages [data-stage="${stage}"]`),
      second.page.waitForSelector(`.timeline [data-stage="${stage}"]`),
    ]);
    const took = performance.now() - from;
    if (took > SOON) late.push(`${stage}: ${took.toFixed(0)} ms`);
  };
  await seen('dhcp', () => discover(1));
  let script = '';
  await seen('script', async () => {
    script = await curl('-A', 'iPXE/1.21.1', `${URL_OF}/ipxe/${MAC}`);
  });
  const urlOf = (name: string) => new RegExp(`http:\\S+/${name}\\b`).exec(script)?.[0] ?? '';
  const report = (stage: string) =>
    curl('-d', `stage=${stage}&happening=done&message=${stage}+done`, /slipway\.report=(\S+)/.exec(script)?.[1] ?? '');
  await seen('kernel', () => curl('-o', '/dev/null', urlOf('k')));
  await seen('initrd', () => curl('-o', '/dev/null', urlOf('i')));
  for (const stage of ['network', 'root', 'verify', 'unpack', 'switch-root', 'configuration', 'up'])
    await seen(stage, () => report(stage));
  expect(late).toEqual([]);
  expect(await second.page.$eval('.node-state', (state) => state.textContent)).toBe('up');
  expect(second.troubles).toEqual([]);
  await second.page.close();
});

test('booting once, holding and cancelling work by clicks; the token is asked for once', async () => {
  const page = await open('#/node/n001');
  await page.waitForSelector('option[value="rescue"]');
  await page.select('select[name=image]', 'rescue');
  await clickButton(page, 'Boot once');
  await page.waitForSelector('dialog input[name=token]');
  await page.type('dialog input[name=token]', 'a-wrong-token-it-is');
  await clickButton(page, 'Use this token');
  await seesText(page, 'this token is not known');
  await page.type('dialog input[name=token]', await token());
  await clickButton(page, 'Use this token');
  await seesText(page, 'Ordered: rescue at its next boot, by admin');
  expect(await orders()).toMatchObject([{ machine: 'n001', image: 'rescue', repeat: 'once' }]);
  await clickButton(page, 'Hold');
  await seesText(page, 'Ordered: rescue at each boot');
  expect(await orders()).toMatchObject([{ repeat: 'hold' }]);
  await clickButton(page, 'Cancel order');
  await seesText(page, 'The order is cancelled.');
  expect(await orders()).toEqual([]);
});

test('all of that works by keyboard alone, from the fleet on', async () => {
  const page = await open();
  await page.waitForSelector('[data-name="n001"]');
  await tabTo(page, '[data-name="n001"]');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
  await page.waitForSelector('option[value="rescue"]');
  await tabTo(page, 'select[name=image]');
  await page.keyboard.type('rescue');
  await pressButton(page, 'Boot once');
  await page.waitForSelector('dialog input[name=token]');
  await tabTo(page, 'dialog input[name=token]');
  await page.keyboard.type(await token());
  await page.keyboard.press('Enter');
  await seesText(page, 'Ordered: rescue at its next boot, by admin');
  await pressButton(page, 'Cancel order');
  await seesText(page, 'The order is cancelled.');
  expect(await orders()).toEqual([]);
});

test.each([
  ['clicks', 0x17, clickButton],
  ['keyboard alone', 0x18, pressButton],
] as const)('a machine is adopted by %s, after its change was shown', async (_, last, press) => {
  await discover(last);
  const mac = `52:54:00:00:00:${last.toString(16)}`;
  const before = await readFile(lab.configFile, 'utf8');
  const page = await open('#/unknown');
  const secret = await token();
  await page.evaluate((given) => sessionStorage.setItem('slipway-token', given), secret);
  const adopt = `button[aria-label="Adopt ${mac}"]`;
  await page.waitForSelector(adopt);
  if (press === clickButton) {
    await page.click(adopt);
    await page.waitForSelector('dialog option[value="debian"]');
    await page.select('dialog select[name=image]', 'debian');
  } else {
    await tabTo(page, adopt);
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog option[value="debian"]');
    await tabTo(page, 'dialog select[name=image]');
    await page.keyboard.type('debian');
  }
  await press(page, 'Show the change');
  await page.waitForSelector('dialog .line.added');
  expect(
    await page.$$eval('dialog .line.added', (lines) => lines.map(({ textContent }) => textContent?.trim())),
  ).toEqual([`+  n-0000${last.toString(16)}:`, `+    mac: ${mac}`, '+    image: debian']);
  expect(await readFile(lab.configFile, 'utf8')).toBe(before);
  await press(page, 'Write it to the configuration');
  await seesText(page, `n-0000${last.toString(16)} is a node of the configuration now.`);
  expect(await readFile(lab.configFile, 'utf8')).toContain(`n-0000${last.toString(16)}:`);
  await page.waitForFunction((gone) => !document.querySelector(gone), {}, adopt);
});

test('Escape closes a dialog, and the focus is where it was', async () => {
  await discover(0x19);
  const page = await open('#/unknown');
  const adopt = 'button[aria-label="Adopt 52:54:00:00:00:19"]';
  await page.waitForSelector(adopt);
  await tabTo(page, adopt);
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog[open]');
  await page.keyboard.press('Escape');
  await page.waitForFunction(
    (wanted) => !document.querySelector('dialog') && document.activeElement?.matches(wanted),
    {},
    adopt,
  );
});

test('a daemon that restarts is followed again, with all that happened meanwhile', async () => {
  const page = await open();
  await daemon.stop();
  await seesText(page, 'The server is away');
  await writeFile(
    lab.configFile,
    `${await readFile(lab.configFile, 'utf8')}  later: { mac: "52:54:00:00:00:99", image: debian }\n`,
  );
  daemon = await lab.serve();
  await page.waitForSelector('[data-name="later"]');
  await page.waitForFunction(() => document.querySelector('.connected')?.textContent === 'Live');
});

test('where reading needs a token, it is asked for first; and the dashboard can be off', async () => {
  const config = await readFile(lab.configFile, 'utf8');
  await writeFile(lab.configFile, `${config}api: { read: token }\n`);
  await daemon.until(/"event":"config.loaded"/);
  opened = await browser.open(URL_OF);
  await seesText(opened.page, 'Reading needs a token here.');
  await opened.page.type('input[name=token]', await token());
  await opened.page.keyboard.press('Enter');
  await opened.page.waitForSelector('[data-name="n001"]');
  await writeFile(lab.configFile, config.replace('interface: eth0,', 'interface: eth0, dashboard: false,'));
  const status = () =>
    lab.network.must('client', 'curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', `${URL_OF}/`]);
  await expect.poll(status, { timeout: 20_000 }).toBe('404');
});
