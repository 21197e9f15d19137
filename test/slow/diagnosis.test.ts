import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import type { MachineStatus } from '../../src/model/fleet/status.ts';
import { buildImage, IMAGES, LAB_ARGS } from '../support/images.ts';
import { createLab, type Lab, TOP } from '../support/lab.ts';
import { type Machine, type MachineFirmware, powerOn } from '../support/machine.ts';
import type { Running } from '../support/process.ts';
import { statusOnce } from '../support/status.ts';

/** Seconds after which a machine counts as hung: the longest rule waits for 150 s of silence. */
const HUNG = 480;
const LOGS = join(TOP, 'build/logs');
const FOREIGN = { bios: '52:54:00:00:0d:01', uefi: '52:54:00:00:0d:02' } as const;
const SILENT = '52:54:00:00:0d:03';

const CONFIG = `
server: { interface: eth0 }
images:
  foreign: { kernel: foreign, initrd: initrd.img, args: ${LAB_ARGS} }
  debian:
    kernel: vmlinuz
    initrd: initrd.img
    root: { method: image, source: rootfs.squashfs }
    args: ${LAB_ARGS}
nodes:
  foreign-bios: { mac: ${FOREIGN.bios}, image: foreign }
  foreign-uefi: { mac: ${FOREIGN.uefi}, image: foreign }
  silent: { mac: ${SILENT}, image: debian }
`;

let lab: Lab;
let daemon: Running;
let machine: Machine | undefined;

/** The head of a kernel for arm64 (Linux, Documentation/arch/arm64/booting.rst), as big as a small kernel. */
function arm64Image(): Uint8Array {
  const image = Buffer.alloc(4 * 1024 * 1024, 'arm');
  image.write('MZ\0\0', 0, 'latin1');
  image.write('ARM\x64', 0x38, 'latin1');
  return image;
}

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  await buildImage('bookworm');
  lab = await createLab(CONFIG);
  const artifacts = join(lab.folder, 'artifacts');
  await mkdir(artifacts);
  for (const name of ['vmlinuz', 'initrd.img', 'rootfs.squashfs']) {
    await copyFile(join(IMAGES, 'bookworm', name), join(artifacts, name));
  }
  await writeFile(join(artifacts, 'foreign'), arm64Image());
  daemon = await lab.serve();
});

afterAll(async () => {
  await machine?.off();
  await lab?.destroy();
});

async function powerUp(firmware: MachineFirmware, mac: string, name: string): Promise<Machine> {
  await machine?.off();
  const log = join(LOGS, `diagnosis-${name}.log`);
  onTestFailed(() => console.log(`${machine?.console.output.slice(-4000)}\n${daemon.output.slice(-4000)}`));
  machine = await powerOn(lab.network, { firmware, mac, memory: 1024, log });
  return machine;
}

const isStuck = ({ diagnosis }: MachineStatus) => diagnosis !== undefined;

test.each(['bios', 'uefi'] as const)('a kernel for another architecture is refused by iPXE (%s)', async (firmware) => {
  const mac = FOREIGN[firmware];
  await powerUp(firmware, mac, `foreign-${firmware}`);
  const { stage, diagnosis } = await statusOnce(lab, mac, isStuck, HUNG);
  expect({ stage, rule: diagnosis?.rule }).toEqual({ stage: 'kernel', rule: 'kernel-refused' });
});

test('an initrd that no DHCP server answers is silent after kernel and initrd', async () => {
  const { console } = await powerUp('bios', SILENT, 'silent');
  // The kernel has its initrd, and starts long before that asks for an address.
  await console.until(/Linux version/, HUNG);
  await lab.dnsmasq.stop();
  const { diagnosis } = await statusOnce(lab, SILENT, isStuck, HUNG);
  expect(diagnosis?.rule).toBe('kernel-silent');
});
