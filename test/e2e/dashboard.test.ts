import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import type { BootChange } from '../../src/model/fleet/boot-store.ts';
import { startBrowser, type TestBrowser } from '../support/dashboard/browser.ts';
import { buildImage, IMAGES, imageYaml } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type Machine, powerOn } from '../support/machine.ts';

/** Seconds after which a boot counts as hung; software emulation on a loaded machine is slow. */
const HUNG = 800;
/** From an event until it is seen, milliseconds. */
const SOON = 1000;
const LOGS = join(TOP, 'build/logs');
const MAC = '52:54:00:00:00:01';
const URL_OF = `http://${SERVER_ADDRESS}:8080`;
const CONFIG = `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:${imageYaml('bookworm', 'image')}
nodes: { n001: { mac: "${MAC}", image: bookworm-image } }
`;

let lab: Lab;
let browser: TestBrowser;
let machine: Machine | undefined;

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  await buildImage('bookworm');
  lab = await createLab(CONFIG);
  await lab.serve();
  browser = await startBrowser(lab.network.namespace('client'));
});
afterAll(async () => {
  await machine?.off();
  await browser?.close();
  await lab?.destroy();
});

test('a machine boots while a browser watches: each stage is seen within a second of its event', async () => {
  const { page, troubles } = await browser.open(`${URL_OF}/`);
  await page.waitForFunction(() => document.querySelector('.connected')?.textContent === 'Live');
  // Notes in the page when each stage was first seen.
  await page.evaluate(() => {
    const seen: Record<string, number> = {};
    const look = () => {
      const stage = document.querySelector<HTMLElement>('[data-name="n001"]')?.dataset.stage;
      if (stage !== undefined) seen[stage] ??= Date.now();
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
    Object.assign(globalThis, { seen });
  });
  const asked = ['watch', '--json', '--server', URL_OF];
  const watch = lab.network.start('server', process.execPath, [join(TOP, 'dist/cli.js'), ...asked]);
  const log = join(LOGS, 'dashboard.log');
  machine = await powerOn(lab.network, { firmware: 'bios', mac: MAC, memory: 1536, log });
  onTestFailed(() => console.log(machine?.console.output.slice(-3000)));
  await page.waitForSelector('[data-name="n001"][data-stage="up"]', { timeout: HUNG * 1000 });

  const seen = await page.evaluate(() => (globalThis as unknown as { seen: Record<string, number> }).seen);
  const changes = watch.output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as BootChange);
  const first = new Map<string, number>();
  for (const { boot, step } of changes) if (!first.has(boot.stage)) first.set(boot.stage, step.at);
  const late = [...first].map(([stage, at]) => [stage, (seen[stage] ?? Number.POSITIVE_INFINITY) - at] as const);
  console.log(`seen after: ${late.map(([stage, ms]) => `${stage} ${ms} ms`).join(', ')}`);
  // Two stages whose events come together are drawn in one frame: the later one is seen.
  const isPassed = (stage: string) => {
    const stages = [...first.keys()];
    const next = stages[stages.indexOf(stage) + 1];
    return seen[stage] === undefined && next !== undefined && (first.get(next) ?? 0) - (first.get(stage) ?? 0) < 100;
  };
  expect(late.filter(([stage, ms]) => ms > SOON && !isPassed(stage))).toEqual([]);
  expect([...first.keys()]).toEqual(
    expect.arrayContaining(['dhcp', 'script', 'kernel', 'initrd', 'network', 'root', 'up']),
  );
  await page.click('[data-name="n001"]');
  await page.waitForSelector('.timeline [data-stage="up"]');
  await page.screenshot({ path: join(LOGS, 'dashboard.png') });
  expect(troubles).toEqual([]);
  await watch.stop();
});
