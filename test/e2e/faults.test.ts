import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { MachineStatus } from '../../src/model/fleet/status.ts';
import { buildImage, IMAGES, imageYaml } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type Machine, powerOn } from '../support/machine.ts';

/** Seconds after which a boot counts as hung. */
const HUNG = 800;
const LOGS = join(TOP, 'build/logs');
const WRONG = '0'.repeat(64);

const CONFIG = `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:${imageYaml('bookworm', 'bootc-live')}
  no-root:
    kernel: bookworm/vmlinuz
    initrd: bookworm/initrd.img
    root: { method: container-root, source: "http://${SERVER_ADDRESS}:8080/artifacts/nowhere/rootfs.tar.xz" }
    args: [console=ttyS0]
  no-kernel:
    kernel: http://${SERVER_ADDRESS}:8080/artifacts/nowhere/vmlinuz
    on_failure: { action: shell, after: 1 }
nodes:
  wrong-digest: { mac: 52:54:00:00:01:01, image: bookworm-bootc-live, args: [slipway.sha256=${WRONG}] }
  no-root: { mac: 52:54:00:00:01:02, image: no-root, args: [slipway.on_failure=shell] }
  no-kernel: { mac: 52:54:00:00:01:03, image: no-kernel }
  needy: { mac: 52:54:00:00:01:04, image: bookworm-bootc-live, args: [slipway.memory=5000] }
`;

let lab: Lab;
let machine: Machine;

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  await buildImage('bookworm');
  lab = await createLab(CONFIG);
  await lab.serve();
});
afterAll(() => lab?.destroy());
afterEach(() => machine?.off());

const boot = async (mac: string, log: string) => {
  machine = await powerOn(lab.network, { firmware: 'bios', mac, memory: 1024, log: join(LOGS, `${log}.log`) });
  return machine.console;
};

/** Waits until the server says why the machine is stuck. */
async function diagnosed(node: string, rule: string): Promise<void> {
  const url = `http://${SERVER_ADDRESS}:8080/api/v1/status?machine=${node}`;
  for (;;) {
    const { machines } = JSON.parse(await lab.network.must('client', 'curl', ['-sS', url])) as {
      machines: readonly MachineStatus[];
    };
    if (machines[0]?.diagnosis?.rule === rule) return;
    await delay(500);
  }
}

test('bytes with another digest are not booted: the console shows both digests', async () => {
  const console = await boot('52:54:00:00:01:01', 'wrong-digest');
  const [, got] = await console.until(new RegExp(`expected ${WRONG}, got ([0-9a-f]{64})`), HUNG);
  expect(got).not.toBe(WRONG);
  await console.until(/What to do: /, HUNG);
  expect(console.output).not.toContain('SLIPWAY-REPORT');
  await diagnosed('wrong-digest', 'wrong-digest');
});

test('a root that needs more memory than there is is not fetched', async () => {
  const console = await boot('52:54:00:00:01:04', 'needy');
  await console.until(/What failed: .*it needs 5000 MB/, HUNG);
  await diagnosed('needy', 'no-memory');
});

test('a root that cannot be fetched ends in a message that says what failed and what to do, and a shell', async () => {
  const console = await boot('52:54:00:00:01:02', 'no-root');
  await console.until(/try 1 of \d+ failed: .*404/, HUNG);
  await console.until(/What failed: .*nowhere\/rootfs\.tar\.xz.*404/, HUNG);
  await console.until(/What to do: +Check that the server has this file/, HUNG);
  await console.until(/a shell on this console/, HUNG);
  await diagnosed('no-root', 'root-gone');
});

test('a kernel that cannot be fetched is tried again with growing pauses, then iPXE says so and opens a shell', async () => {
  const console = await boot('52:54:00:00:01:03', 'no-kernel');
  await console.until(/attempt 1 of 6 failed; again in 1 s/, HUNG);
  await console.until(/attempt 5 of 6 failed; again in 16 s/, HUNG);
  await console.until(/no-kernel could not boot no-kernel/, HUNG);
  await console.until(/iPXE>/, HUNG);
});
