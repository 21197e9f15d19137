import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { pushBusyboxImage } from '../support/container-image.ts';
import { buildImage, IMAGES, LAB_ARGS } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type NetworkMachine, powerOn } from '../support/machine.ts';
import type { Running } from '../support/process.ts';
import { startRegistry } from '../support/registry.ts';

/** Seconds after which a boot counts as hung. */
const HUNG = 300;
const MAC = '52:54:00:00:00:0b';
const REGISTRY = `${SERVER_ADDRESS}:5000`;
const CONFIG = `
server: { interface: eth0, registry: { mirrors: { "${REGISTRY}": { plain_http: true } } } }
images:
  runner: { kernel: vmlinuz, initrd: containers.img, root: { method: containers }, args: ${LAB_ARGS} }
nodes:
  n001: { mac: "${MAC}", image: runner, containers: { volumes: { results: {} }, end: { action: wait } } }
`;

let lab: Lab;
let daemon: Running;
let machine: NetworkMachine | undefined;

beforeAll(async () => {
  await mkdir(join(TOP, 'build/logs'), { recursive: true });
  await buildImage('bookworm');
  lab = await createLab(CONFIG);
  const artifacts = join(lab.folder, 'artifacts');
  await mkdir(artifacts);
  for (const file of ['vmlinuz', 'containers.img']) {
    await copyFile(join(IMAGES, 'bookworm', file), join(artifacts, file));
  }
  const registry = await startRegistry(lab.network, lab.folder);
  const files = { 'old/.wh.file': '', 'new/file': 'above\n' };
  const image = `docker://${REGISTRY}/busybox:1`;
  await pushBusyboxImage(registry, lab.folder, image, { Cmd: ['sh'], Env: ['A=b'] }, files);
  daemon = await lab.serve();
});

afterAll(async () => {
  await machine?.off();
  await lab?.destroy();
});

/** A job on the machine; its command's exit status and output. */
const run = (...args: string[]) =>
  lab.network.start('server', process.execPath, [
    ...[join(TOP, 'dist/cli.js'), 'run', 'n001', '--config', lab.configFile, '--end', 'wait'],
    ...['--image', `${REGISTRY}/busybox:1`, ...args],
  ]);

test('a machine runs a job straight from its initrd, and then the next one', async () => {
  onTestFailed(() => console.log(`${machine?.console.output.slice(-4000)}\n${daemon.output.slice(-3000)}`));
  const first = run(
    '--volume',
    'results:/r',
    '--',
    'sh',
    '-c',
    'echo "hello $SLIPWAY_NODE $A" > /r/f; cat /r/f /new/file; ls /old; exit 7',
  );
  await first.until(/at its next boot/);
  machine = await powerOn(lab.network, {
    ...{ firmware: 'bios', mac: MAC, memory: 1024 },
    log: join(TOP, 'build/logs/containers.log'),
  });
  await machine.console.until(/the pipeline ended with status 7/, HUNG);
  expect(await first.exit).toMatchObject({ code: 7, stdout: 'hello n001 b\nabove\n' });
  // Its image came by way of the server.
  expect(daemon.output).toContain(`${REGISTRY}/busybox`);
  await machine.console.until(/waiting for the next job/, HUNG);
  const second = run('--', 'sh', '-c', 'id -u; mknod /tmp/x b 8 0 2> /dev/null || echo no mknod');
  expect(await second.exit).toMatchObject({ code: 0, stdout: '0\nno mknod\n' });
  const third = run('--timeout', '20', '--', 'sleep', '999');
  expect((await third.exit).code).toBe(124);
  await machine.console.until(/(?:the pipeline ended with status[\s\S]*){3}/, HUNG);
});
