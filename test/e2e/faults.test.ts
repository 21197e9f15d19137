import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
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

test('bytes with another digest are not booted: the console shows both digests', async () => {
  const console = await boot('52:54:00:00:01:01', 'wrong-digest');
  const [, got] = await console.until(new RegExp(`expected ${WRONG}, got ([0-9a-f]{64})`), HUNG);
  expect(got).not.toBe(WRONG);
  await console.until(/What to do: /, HUNG);
  expect(console.output).not.toContain('SLIPWAY-REPORT');
});

test('a root that cannot be fetched ends in a message that says what failed and what to do, and a shell', async () => {
  const console = await boot('52:54:00:00:01:02', 'no-root');
  await console.until(/try 1 of \d+ failed: .*404/, HUNG);
  await console.until(/What failed: .*nowhere\/rootfs\.tar\.xz.*404/, HUNG);
  await console.until(/What to do: +Check that the server has this file/, HUNG);
  await console.until(/a shell on this console/, HUNG);
});

test('a kernel that cannot be fetched is tried again with growing pauses, then iPXE says so and opens a shell', async () => {
  const console = await boot('52:54:00:00:01:03', 'no-kernel');
  await console.until(/attempt 1 of 6 failed; again in 1 s/, HUNG);
  await console.until(/attempt 5 of 6 failed; again in 16 s/, HUNG);
  await console.until(/no-kernel could not boot no-kernel/, HUNG);
  await console.until(/iPXE>/, HUNG);
});
