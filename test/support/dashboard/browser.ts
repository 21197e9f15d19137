import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Chromium of Debian, without a screen. */
export interface TestBrowser {
  readonly browser: Browser;
  /** A page that notes what goes wrong on it. */
  open(url: string, options?: PageOptions): Promise<TestPage>;
  close(): Promise<void>;
}

/** How a page is shown. */
export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: 'light' | 'dark';
}

/** A page, with its errors, violations of its policy, and requests to others than its own server. */
export interface TestPage {
  readonly page: Page;
  readonly troubles: readonly string[];
}

/** @param namespace of the network in which it runs; undefined for this one */
export async function startBrowser(namespace?: string): Promise<TestBrowser> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-browser-'));
  const program = join(folder, 'chromium');
  const inside = namespace === undefined ? '' : `ip netns exec ${namespace} `;
  await writeFile(program, `#!/bin/sh\nexec ${inside}chromium "$@"\n`);
  await chmod(program, 0o755);
  const browser = await puppeteer.launch({
    executablePath: program,
    pipe: true,
    userDataDir: join(folder, 'profile'),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
    ],
    env: { ...process.env, HOME: folder },
  });
  return {
    browser,
    async open(url, { width = 1280, height = 800, theme = 'light' } = {}) {
      const page = await browser.newPage();
      const troubles: string[] = [];
      await page.setViewport({ width, height });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
      page.on('pageerror', (error) => troubles.push(`error: ${(error as Error).message}`));
      page.on('console', (message) => {
        // Refusals that a test provokes, and servers that it stops, stand in the console too.
        if (message.type() === 'error' && !/^Failed to load resource/.test(message.text()))
          troubles.push(`console: ${message.text()}`);
      });
      page.on('request', (request) => {
        const { protocol, host } = new URL(request.url());
        if (protocol !== 'data:' && host !== new URL(url).host) troubles.push(`elsewhere: ${request.url()}`);
      });
      await page.evaluateOnNewDocument(() => {
        document.addEventListener('securitypolicyviolation', (event) => {
          console.error(`violation of ${event.violatedDirective}: ${event.blockedURI}`);
        });
      });
      await page.goto(url, { waitUntil: 'domcontentloaded' });
      return { page, troubles };
    },
    async close() {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What axe-core finds on a page, a line for each. */
export async function axeFindings(page: Page): Promise<readonly string[]> {
  // As a debugger: the policy of the page forbids scripts that are not its own.
  await page.evaluate(await readFile(AXE, 'utf8'));
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`,
    );
  });
}
