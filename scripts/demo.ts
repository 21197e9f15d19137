// Builds a Debian image and netboots it in a virtual machine on a network of its own, saying what happens.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { styleText } from 'node:util';
import { startBrowser } from '../test/support/dashboard/browser.ts';
import { buildImage, IMAGES, imageYaml } from '../test/support/images.ts';
import { createLab, DHCP_ADDRESS, SERVER_ADDRESS, TOP } from '../test/support/lab.ts';
import { powerOn } from '../test/support/machine.ts';
import { openWindow, type Window } from '../test/support/network-window.ts';
import type { Running } from '../test/support/process.ts';

const MAC = '52:54:00:00:00:01';
const CONFIG = `server: { interface: eth0 }
artifacts: ${IMAGES}
images:${imageYaml('bookworm', 'bootc-live')}
nodes:
  n001: { mac: "${MAC}", image: bookworm-bootc-live }
`;

const started = performance.now();
const seconds = () => `${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s`;
const step = (text: string) => console.log(`${seconds()}  ${styleText('bold', text)}`);
const detail = (text: string) => console.log(`        ${styleText('dim', text)}`);

/** Shows what a process prints to its standard output, a line at a time. */
function eachLine({ child }: Running, show: (line: string) => void): void {
  if (child.stdout) createInterface({ input: child.stdout }).on('line', show);
}

/** What the machine's console says on its way, and what that means. */
const STAGES: readonly (readonly [RegExp, string])[] = [
  [/iPXE initialising devices/, "the machine's firmware starts its network boot ROM (iPXE)"],
  [/Slipway: n001 boots/, 'iPXE runs the script that the server made for this machine'],
  [/Linux version/, 'the kernel runs; the initrd follows'],
  [/slipway: fetching/, "Slipway's dracut modules in the initrd fetch the root file system"],
  [/slipway: the root is ready/, 'the root is in memory'],
  [/Switch Root/, 'the system in it takes over'],
  [/login: /, 'log-in prompt'],
];

/** Where the picture of the dashboard goes. */
const PICTURE = join(TOP, 'build/demo.png');

/** Takes a picture of a machine's page in the dashboard. */
async function takePicture(url: string): Promise<void> {
  await mkdir(join(TOP, 'build'), { recursive: true });
  const browser = await startBrowser();
  try {
    const { page } = await browser.open(`${url}/#/node/n001`, { height: 1000 });
    await page.waitForFunction(() => document.querySelector('.connected')?.textContent === 'Live');
    await page.waitForNetworkIdle({ concurrency: 1, idleTime: 500 });
    await page.screenshot({ path: PICTURE });
  } finally {
    await browser.close();
  }
}

step('building a Debian 12 image with Debian packages (kernel, initrd, OCI archive); once, a minute or two');
await buildImage('bookworm', detail);

step(
  `a network of its own: ordinary DHCP server ${DHCP_ADDRESS} (dnsmasq, knows nothing of PXE), Slipway ${SERVER_ADDRESS}`,
);
const lab = await createLab(CONFIG);
let window: Window | undefined;
const cleanUp = async () => {
  window?.close();
  await lab.destroy();
};
process.once('SIGINT', () => cleanUp().then(() => process.exit(130)));
try {
  console.log(CONFIG.replace(/^/gm, '          ').trimEnd());
  const daemon = await lab.serve();
  eachLine(daemon, (line) => {
    const { event, message } = JSON.parse(line);
    detail(`server: ${event}: ${message}`);
  });
  window = await openWindow(lab.network, 'server', SERVER_ADDRESS, 8080);
  step(`the dashboard, while this runs: ${styleText('underline', window.url)}`);
  step(`the script that any machine with this address gets: curl http://${SERVER_ADDRESS}:8080/ipxe/${MAC}`);
  const script = await lab.network.must('client', 'curl', ['-sS', `http://${SERVER_ADDRESS}:8080/ipxe/${MAC}`]);
  console.log(script.replace(/^/gm, '          ').trimEnd());

  const slipway = (command: readonly string[]) => [join(TOP, 'dist/cli.js'), ...command, '--config', lab.configFile];
  const watch = lab.network.start('server', process.execPath, slipway(['watch']));
  step('power on: a PC with BIOS, 1.5 GB of memory, no disk');
  const machine = await powerOn(lab.network, { firmware: 'bios', mac: MAC, memory: 1536 });
  eachLine(machine.console, (line) => {
    if (line.startsWith('slipway: ')) detail(`machine: ${line.trim()}`);
  });
  for (const [pattern, meaning] of STAGES) {
    await machine.console.until(pattern, 600);
    step(meaning);
  }
  console.log(
    [...machine.console.output.matchAll(/SLIPWAY-REPORT (\w+=.*?)\r?$/gm)]
      .map(([, line]) => `          ${line}`)
      .join('\n'),
  );
  await watch.until(/n001 +up /, 600);
  step('the boot as the daemon followed it: slipway logs n001');
  const logs = await lab.network.must('server', process.execPath, slipway(['logs', 'n001']));
  console.log(logs.replace(/^/gm, '          ').trimEnd());
  await takePicture(window.url);
  step(`the boot as the dashboard shows it: ${styleText('underline', PICTURE)}`);
  await machine.off();
  step('done: one daemon, one YAML file, and a machine without a disk runs Debian');
} finally {
  await cleanUp();
}
