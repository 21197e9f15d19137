import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import type { MachineStatus } from '../../src/model/fleet/status.ts';
import { createServingLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import { type MachineFirmware, powerOn } from '../support/machine.ts';
import type { Running } from '../support/process.ts';

/** Seconds after which a boot counts as hung. */
const HUNG = 800;
const SMALL = '52:54:00:00:00:01';
const BIG = '52:54:00:00:00:02';
const CONFIG = `
server: { interface: eth0 }
images: { debian: { kernel: k, initrd: i, root: { method: image, source: r } } }
nodes:
  small: { mac: "${SMALL}", image: debian }
  big: { mac: "${BIG}", image: debian }
`;
/** Bytes of the root, nearly all of them a hole. */
const ROOT = 600 * 1024 * 1024;

let lab: Lab;
let daemon: Running;

beforeAll(async () => {
  const files = { k: Buffer.from('no kernel'), i: Buffer.from('no initrd'), r: Buffer.from('hsqs') };
  ({ lab, daemon } = await createServingLab(CONFIG, files));
  await truncate(join(lab.folder, 'artifacts/r'), ROOT);
});
afterAll(() => lab?.destroy());

const status = async (node: string): Promise<MachineStatus | undefined> => {
  const args = ['dist/cli.js', 'status', '--json', '--server', `http://${SERVER_ADDRESS}:8080`];
  const all = JSON.parse(await lab.network.must('server', process.execPath, args)) as MachineStatus[];
  return all.find((each) => each.node === node);
};

test.each<[MachineFirmware]>([['bios'], ['uefi']])(
  'a machine with too little memory is told before it fetches anything, with %s',
  async (firmware) => {
    const machine = await powerOn(lab.network, { firmware, mac: SMALL, memory: 512 });
    onTestFailed(() => console.log(`${machine.console.output.slice(-3000)}\n${daemon.output.slice(-3000)}`));
    try {
      // A BIOS's console has 80 columns.
      await machine.console.until(/small has 512 MiB of memory; debian needs at least 665 MiB by root meth/, HUNG);
      await machine.console.until(/small could not boot debian/, HUNG);
      const seen = await status('small');
      expect(seen).toMatchObject({ stage: 'script', diagnosis: { rule: 'too-little-memory' } });
      expect(seen?.message).toBe('the machine has 512 MiB of memory, and its image needs at least 665 MiB');
      expect(daemon.output).not.toMatch(/blobs\/sha256\/[0-9a-f]{64}\/[kir]\b/);
    } finally {
      await machine.off();
    }
  },
);

test('one with enough goes on to its kernel', async () => {
  const machine = await powerOn(lab.network, { firmware: 'bios', mac: BIG, memory: 1024 });
  onTestFailed(() => console.log(`${machine.console.output.slice(-3000)}\n${daemon.output.slice(-3000)}`));
  try {
    await daemon.until(/blobs\/sha256\/[0-9a-f]{64}\/i\b/, HUNG);
    expect(machine.console.output).not.toContain('of memory');
  } finally {
    await machine.off();
  }
});
