import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import type { MachineStatus } from '../../src/model/fleet/status.ts';
import { buildImage, IMAGES, LAB_ARGS } from '../support/images.ts';
import { createLab, type Lab, TOP } from '../support/lab.ts';
import { type Machine, powerOn } from '../support/machine.ts';
import type { Running } from '../support/process.ts';
import { statusOf, statusOnce } from '../support/status.ts';
import { makeTinyRoot } from '../support/tiny-initrd.ts';

/** Seconds after which a boot counts as hung. */
const HUNG = 300;
const LOG = join(TOP, 'build/logs/rollout.log');
const MACS = { first: '52:54:00:00:0e:01', second: '52:54:00:00:0e:02', keeps: '52:54:00:00:0e:03' } as const;
type Node = keyof typeof MACS;

const FILES = `kernel: vmlinuz, initrd: initrd.img, args: ${LAB_ARGS}`;
const CONFIG = `
server: { interface: eth0 }
images:
  careful: { ${FILES}, root: { method: image, source: careful }, rollout: { canary: 1 } }
  kept: { ${FILES}, root: { method: image, source: kept }, keep_last_good: true }
nodes:
  first: { mac: ${MACS.first}, image: careful }
  second: { mac: ${MACS.second}, image: careful }
  keeps: { mac: ${MACS.keeps}, image: kept }
`;

/** What a good root does: it says so to the server, and then on the console. */
const good = (version: number) => `
for word in $(busybox cat /proc/cmdline); do
    case $word in slipway.report=*) report=\${word#*=} ;; esac
done
busybox wget -q -O - --post-data 'stage=up&happening=done&message=up' "$report"
echo "SYSTEM ${version}" > /dev/console`;

let lab: Lab;
let daemon: Running;
let machine: Machine | undefined;

const rootOf = (name: string) => join(lab.folder, 'artifacts', name);

beforeAll(async () => {
  await mkdir(join(TOP, 'build/logs'), { recursive: true });
  await buildImage('bookworm');
  lab = await createLab(CONFIG);
  await mkdir(join(lab.folder, 'artifacts'));
  for (const name of ['vmlinuz', 'initrd.img']) await copyFile(join(IMAGES, 'bookworm', name), rootOf(name));
  for (const name of ['careful', 'kept']) await makeTinyRoot(rootOf(name), good(1));
  daemon = await lab.serve();
});

afterAll(async () => {
  await machine?.off();
  await lab?.destroy();
});

/** Boots a node until the server knows how that ends; gives that, and the system that it came to. */
async function bootOf(node: Node): Promise<object> {
  await machine?.off();
  onTestFailed(() => console.log(`${machine?.console.output.slice(-4000)}\n${daemon.output.slice(-4000)}`));
  const mac = MACS[node];
  const before = (await statusOf(lab, mac))?.id;
  machine = await powerOn(lab.network, { firmware: 'bios', mac, memory: 768, log: LOG });
  const isOver = ({ id, outcome }: MachineStatus) => id !== before && outcome !== 'under-way';
  const { outcome, diagnosis } = await statusOnce(lab, mac, isOver, HUNG);
  if (outcome !== 'up') return { outcome, rule: diagnosis?.rule };
  return { outcome, system: (await machine.console.until(/SYSTEM (\w+)/, HUNG))[1] };
}

const slipway = (...args: string[]) =>
  lab.network.must('server', process.execPath, [join(TOP, 'dist/cli.js'), ...args, '--config', lab.configFile]);

/** Replaces an image's root by one that has no init. */
async function breakRoot(name: string): Promise<void> {
  await makeTinyRoot(rootOf(name));
  await daemon.until(new RegExp(`${name} has a new version`));
}

const GOOD = { outcome: 'up', system: '1' };
const BAD = { outcome: 'failed', rule: 'no-init' };

test('a new version that fails on the first machine goes no further, and that one returns to the old', async () => {
  expect(await bootOf('first')).toEqual(GOOD);
  await breakRoot('careful');
  expect(await bootOf('first')).toEqual(BAD);
  expect(await bootOf('second')).toEqual(GOOD);
  expect(await bootOf('first')).toEqual(GOOD);
  await daemon.until(/image careful: version \w+ goes to no more: first did not come up with it/);
  expect(await slipway('rollouts')).toMatch(/careful +\w{16} +\w{16} +stopped +first did not come up with it/);
});

test('a machine on which a new version failed twice boots the one before', async () => {
  expect(await bootOf('keeps')).toEqual(GOOD);
  await breakRoot('kept');
  expect(await bootOf('keeps')).toEqual(BAD);
  expect(await bootOf('keeps')).toEqual(BAD);
  expect(await bootOf('keeps')).toEqual(GOOD);
});
