import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { pushBusyboxImage } from '../support/container-image.ts';
import { buildImage, IMAGES, imageYaml, LAB_ARGS, type Suite } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type NetworkMachine, powerOn } from '../support/machine.ts';
import type { Running } from '../support/process.ts';
import { startRegistry } from '../support/registry.ts';

/** Seconds after which a boot counts as hung. */
const HUNG = 400;
const MACS = { system: '52:54:00:00:00:21', broken: '52:54:00:00:00:22' } as const;
const IMAGE = `docker://${SERVER_ADDRESS}:5000/busybox:1`;

let lab: Lab;
let daemon: Running;
let machine: NetworkMachine | undefined;

const config = (suite: Suite) => `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:
  runner: { kernel: ${suite}/vmlinuz, initrd: ${suite}/containers.img, root: { method: containers }, args: ${LAB_ARGS} }
  broken: { kernel: ${suite}/inputs.sha256, args: ${LAB_ARGS} }
  ${imageYaml(suite, 'image').trim()}
profiles:
  prepares:
    image: runner
    containers:
      steps: [{ name: prepare, image: "${IMAGE}", plain_http: true, command: [echo, prepared] }]
nodes:
  system:
    mac: "${MACS.system}"
    profile: prepares
    containers: { end: { action: kexec, image: ${suite}-image } }
  broken:
    mac: "${MACS.broken}"
    profile: prepares
    containers: { end: { action: kexec, image: broken } }
`;

const boots = async (node: keyof typeof MACS) => {
  const text = await lab.network.must('client', 'curl', [
    '-sS',
    `http://${SERVER_ADDRESS}:8080/api/v1/boots?machine=${node}`,
  ]);
  return (JSON.parse(text) as { boots: { image: string; outcome: string; stage: string }[] }).boots;
};

async function powerOnNode(node: keyof typeof MACS, log: string): Promise<Running> {
  onTestFailed(() => console.log(`${machine?.console.output.slice(-6000)}\n${daemon.output.slice(-3000)}`));
  machine = await powerOn(lab.network, {
    ...{ firmware: 'bios', mac: MACS[node], memory: 1024 },
    log: join(TOP, `build/logs/${log}.log`),
  });
  return machine.console;
}

describe.each(['bookworm', 'trixie'] satisfies Suite[])('%s', (suite) => {
  beforeAll(async () => {
    await mkdir(join(TOP, 'build/logs'), { recursive: true });
    await buildImage(suite);
    lab = await createLab(config(suite));
    const registry = await startRegistry(lab.network, lab.folder);
    await pushBusyboxImage(registry, lab.folder, IMAGE, { Cmd: ['sh'] });
    daemon = await lab.serve();
  });
  afterAll(async () => {
    await lab?.destroy();
  });
  afterEach(async () => {
    await machine?.off();
    machine = undefined;
  });

  test('after its pipeline a machine boots another image, as a boot of its own', async () => {
    const console = await powerOnNode('system', `containers-end-${suite}`);
    await console.until(/the pipeline ended with status 0/, HUNG);
    await console.until(new RegExp(`starting ${suite}-image: `), HUNG);
    const before = console.output.length;
    await console.until(/starting \S+-image: [\s\S]*login: /, HUNG);
    const after = console.output.slice(before);
    expect(after).toContain('Linux version');
    // Neither firmware nor iPXE came between.
    expect(after).not.toMatch(/iPXE|SeaBIOS/);
    await expect
      .poll(() => boots('system'), { timeout: HUNG * 1000, interval: 1000 })
      .toMatchObject([
        { image: `${suite}-image`, stage: 'up', outcome: 'up' },
        { image: 'runner', stage: 'pipeline', outcome: 'up' },
      ]);
  });

  test('what is no kernel is told, and the machine restarts', async () => {
    const console = await powerOnNode('broken', `containers-end-broken-${suite}`);
    await console.until(/the pipeline ended with status 0/, HUNG);
    const [, why] = await console.until(/What failed: {2}(.*)/, HUNG);
    expect(why).toContain('the kernel of broken cannot be loaded: ');
    const [last] = await boots('broken');
    expect(last).toMatchObject({ image: 'broken', outcome: 'under-way' });
    await console.until(/slipway: restarting/, HUNG);
    // QEMU ends with a restart.
    await console.exit;
  });
});
