import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { buildImage, IMAGES, LAB_ARGS } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type Machine, powerOn } from '../support/machine.ts';
import type { Running } from '../support/process.ts';
import { makeTinyInitrd } from '../support/tiny-initrd.ts';

/** Seconds after which a boot counts as hung. */
const HUNG = 300;
const LOG = join(TOP, 'build/logs/next-boot.log');
const STRANGER = '52:54:00:00:0a:01';
const INSTALLED = '52:54:00:00:0a:02';

/** Each image prints its name and the kernel line, and ends. */
const CONFIG = `# the lab
server: { interface: eth0 }
images:
  tiny: { kernel: vmlinuz, initrd: tiny.img, args: ${LAB_ARGS} }
  installer: { kernel: vmlinuz, initrd: installer.img, args: ${LAB_ARGS} }
profiles:
  plain: { image: tiny }
nodes:
  n002: # is installed once
    mac: ${INSTALLED}
    boot: { once: installer, then: tiny }
rules:
  by-serial: { match: { serial: LAB-7 }, image: installer }
unknown: { action: menu, menu: { images: [installer, tiny], timeout: 0 } }
`;

let lab: Lab;
let daemon: Running;
let machine: Machine | undefined;

beforeAll(async () => {
  await mkdir(join(TOP, 'build/logs'), { recursive: true });
  await buildImage('bookworm');
  lab = await createLab(CONFIG);
  const artifacts = join(lab.folder, 'artifacts');
  await mkdir(artifacts);
  await copyFile(join(IMAGES, 'bookworm/vmlinuz'), join(artifacts, 'vmlinuz'));
  for (const name of ['tiny', 'installer']) {
    await makeTinyInitrd(join(artifacts, `${name}.img`), `echo "SYSTEM ${name}: $(busybox cat /proc/cmdline)"`);
  }
  daemon = await lab.serve();
});

afterAll(async () => {
  await machine?.off();
  await lab?.destroy();
});

async function powerUp(mac: string, smbios?: string): Promise<Machine> {
  await machine?.off();
  onTestFailed(() => console.log(`${machine?.console.output.slice(-3000)}\n${daemon.output.slice(-3000)}`));
  machine = await powerOn(lab.network, {
    ...{ firmware: 'bios', mac, memory: 512, log: LOG },
    ...(smbios !== undefined && { smbios }),
  });
  return machine;
}

/** The system that a machine comes to by itself. */
async function systemOf(mac: string, smbios?: string): Promise<string | undefined> {
  const { console } = await powerUp(mac, smbios);
  return (await console.until(/SYSTEM (\w+):/, HUNG))[1];
}

async function slipway(...args: string[]): Promise<string> {
  const [command = '', ...rest] = args;
  const all = [join(TOP, 'dist/cli.js'), command, '--config', lab.configFile, ...rest];
  return await lab.network.must('server', process.execPath, all);
}

test('an unknown machine shows a menu, and boots what is chosen by its keyboard', async () => {
  const { console } = await powerUp(STRANGER);
  await console.until(/Boot from the local disk/, HUNG);
  // From the default, the local disk, up to the second image.
  console.type('\x1b[A');
  console.type('\r');
  expect((await console.until(/SYSTEM (\w+):/, HUNG))[1]).toBe('tiny');
  expect(await slipway('unknown')).toContain(STRANGER);
});

test('it is adopted, and boots as a node from then on', async () => {
  const shown = await slipway('adopt', STRANGER, '--name', 'n017', '--profile', 'plain', '--yes');
  expect(shown).toContain('+  n017:');
  await daemon.until(/a new configuration with 2 node/);
  expect(await readFile(lab.configFile, 'utf8')).toContain('  n002: # is installed once\n');
  expect(await systemOf(STRANGER)).toBe('tiny');
  expect(machine?.console.output).toContain('systemd.hostname=n017');
});

test('a machine that fits a rule by what only iPXE knows gets what the rule says', async () => {
  expect(await systemOf('52:54:00:00:0a:03', 'type=1,serial=LAB-7')).toBe('installer');
});

test('an image that is to be booted once is, and another after it', async () => {
  expect(await systemOf(INSTALLED)).toBe('installer');
  expect(await systemOf(INSTALLED)).toBe('tiny');
});

test('an order counts for the next boot', async () => {
  expect(await slipway('boot', 'n002', '--image', 'installer')).toContain('n002 boots installer at its next boot');
  expect(await slipway('orders')).toMatch(/n002 +installer +once +admin/);
  expect(await systemOf(INSTALLED)).toBe('installer');
  expect(await systemOf(INSTALLED)).toBe('tiny');
  expect(await slipway('orders')).toBe('there are no orders\n');
  const server = `http://${SERVER_ADDRESS}:8080`;
  const boots = JSON.parse(await slipway('boots', 'n002', '--server', server, '--json')) as { image: string }[];
  expect(boots.map(({ image }) => image).slice(0, 2)).toEqual(['tiny', 'installer']);
});
