import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startBrowser, type TestBrowser } from '../support/dashboard/browser.ts';
import { addressOf, macOf, SimulatedFleet } from '../support/dashboard/simulated-fleet.ts';

let fleet: SimulatedFleet | undefined;
let browser: TestBrowser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterEach(() => fleet?.stop());
afterAll(() => browser?.close());

const nodes = (count: number) => `
images: { debian: { kernel: vmlinuz, initrd: initrd.img, root: { method: image, source: root.img } } }
profiles: { compute: { image: debian } }
nodes:
${Array.from({ length: count }, (_, i) => `  n${i + 1}: { mac: "${macOf(i + 1)}", profile: compute }`).join('\n')}
`;

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

test('500 machines that boot: no change is lost, all are up in the end', async () => {
  fleet = await SimulatedFleet.start(nodes(500));
  const boots = numbers(500).map((n) => fleet?.boot(macOf(n), addressOf(n)) as ReturnType<SimulatedFleet['boot']>);
  // Half of them are on their way when the page is opened.
  for (const boot of boots.slice(0, 250)) for (let n = 0; n < 3; n++) await boot.next();
  const opening = browser.open(`${fleet.url}/`);
  let isOver = false;
  while (!isOver) {
    const steps = await Promise.all(boots.map((boot) => boot.next()));
    isOver = steps.every(({ done }) => done);
    await delay(20);
  }
  const { page, troubles } = await opening;
  await page.waitForFunction(() => document.querySelector('.count[data-phase="up"] b')?.textContent === '500');
  expect(troubles).toEqual([]);
  await page.close();
});

test('10,000 machines scroll: all can be reached, few are drawn', async () => {
  fleet = await SimulatedFleet.start(nodes(10_000));
  const { page, troubles } = await browser.open(`${fleet.url}/`);
  await page.waitForSelector('[data-name="n1"]');
  const drawn = () => page.evaluate(() => document.querySelectorAll('[data-name]').length);
  expect(await drawn()).toBeLessThan(2500);
  // As many frames as the browser draws, and what the slowest of them took.
  const frames = await page.evaluate(async () => {
    const times: number[] = [];
    let before = performance.now();
    for (let top = 0; top < document.documentElement.scrollHeight; top += 400) {
      window.scrollTo(0, top);
      await new Promise(requestAnimationFrame);
      times.push(performance.now() - before);
      before = performance.now();
    }
    return times.sort((a, b) => a - b);
  });
  console.log(
    `a frame took ${frames[Math.floor(frames.length / 2)]?.toFixed(0)} ms (median), ${frames.at(-1)?.toFixed(0)} ms at most`,
  );
  await page.waitForSelector('[data-name="n10000"]');
  expect(await drawn()).toBeLessThan(2500);
  // A machine in the middle is found, and moves.
  await page.focus('input[type=search]');
  await page.keyboard.type('n7777');
  await page.waitForFunction(() => document.querySelectorAll('[data-name]').length === 1);
  await fleet.booted(macOf(7777), addressOf(7777), { to: 'script' });
  await page.waitForSelector('[data-name="n7777"][data-stage="script"]');
  expect(troubles).toEqual([]);
  await page.close();
});
