import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { stringify } from 'yaml';
import { pushBusyboxImage } from '../support/container-image.ts';
import { buildImage, IMAGES, LAB_KERNEL_ARGS, type Suite } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type NetworkMachine, powerOn } from '../support/machine.ts';
import { startRegistry } from '../support/registry.ts';

/** Seconds after which a boot counts as hung. */
const HUNG = 300;
/** What it says of the system that runs it. */
const SERVICE = '{ systemctl is-active systemd-journald; cat /proc/1/comm; } > /v/said; exit 3';
/** The suite's Debian, with systemd. */
const SYSTEM = `docker://${SERVER_ADDRESS}:5000/debian:1`;
const IMAGE = `docker://${SERVER_ADDRESS}:5000/busybox:1`;

/** A step that runs a shell's script. */
const step = (name: string, script: string, more: object = {}) => ({
  ...{ name, image: IMAGE, plain_http: true, command: ['sh', '-c', script] },
  ...more,
});

/** What each machine runs. */
const MACHINES: Readonly<Record<string, object>> = {
  continue: {
    steps: [
      step('one', 'echo "first of $SLIPWAY_NODE"; cat /old/file; ls /'),
      step('two', 'exit 7', { on_failure: 'continue' }),
      step('three', 'echo "after $SLIPWAY_PREVIOUS_STEP $SLIPWAY_PREVIOUS_STATUS by $SLIPWAY_PIPELINE_FAILED_BY"'),
    ],
  },
  stop: {
    steps: [
      step('one', 'echo first'),
      step('two', 'exit 7'),
      step('three', 'echo never'),
      step('four', 'echo "always $SLIPWAY_PIPELINE_STATUS"', { always: true }),
    ],
  },
  retry: {
    volumes: { v: {} },
    steps: [
      step('two', 'echo x >> /v/tries; wc -l < /v/tries; test $(wc -l < /v/tries) = 3', {
        mounts: [{ volume: 'v', target: '/v' }],
        on_failure: { action: 'retry', retries: 4 },
      }),
      step('three', 'echo "then $SLIPWAY_PIPELINE_STATUS"'),
    ],
  },
  reboot: { steps: [step('two', 'exit 7', { on_failure: 'reboot' }), step('three', 'echo never')] },
  systemd: {
    volumes: { v: {} },
    steps: [
      // systemd runs it as a service, and ends with its status.
      step('prepare', `printf '%s\\n' '#!/bin/sh' '${SERVICE}' > /v/service; chmod +x /v/service`, {
        mounts: [{ volume: 'v', target: '/v' }],
      }),
      step('init', '', {
        image: SYSTEM,
        systemd: true,
        entrypoint: ['/usr/lib/systemd/systemd'],
        command: ['systemd.run=/v/service', 'systemd.run_success_action=exit', 'systemd.run_failure_action=exit'],
        mounts: [{ volume: 'v', target: '/v' }],
        on_failure: 'continue',
      }),
      step('after', 'cat /v/said; echo "after $SLIPWAY_PREVIOUS_STATUS"', {
        mounts: [{ volume: 'v', target: '/v' }],
      }),
    ],
  },
  service: {
    steps: [
      step('web', 'echo served > /tmp/index.html; exec httpd -f -p 80 -h /tmp', { background: true }),
      step('client', 'for n in 1 2 3 4 5 6 7 8 9; do wget -q -O - http://web/ && exit; sleep 1; done; exit 1'),
    ],
  },
  limits: {
    steps: [
      step('time', 'sleep 99', { timeout: 3, on_failure: 'continue' }),
      step('memory', 'tail -c 200000000 /dev/zero > /dev/null', { memory: '32 MiB', on_failure: 'continue' }),
      step(
        'powers',
        'id -u; mknod /tmp/x b 8 0 || echo no mknod; cat /proc/cmdline | wc -c; ls /dev/vda || echo no disk',
        {
          user: 'worker',
        },
      ),
    ],
  },
};

let lab: Lab;
let machine: NetworkMachine | undefined;

const macOf = (name: string) => `52:54:00:00:00:1${Object.keys(MACHINES).indexOf(name)}`;

describe.each(['bookworm', 'trixie'] satisfies Suite[])('%s', (suite) => {
  beforeAll(async () => {
    await mkdir(join(TOP, 'build/logs'), { recursive: true });
    await buildImage(suite);
    lab = await createLab(
      stringify({
        server: { interface: 'eth0' },
        images: {
          runner: {
            kernel: 'vmlinuz',
            initrd: 'containers.img',
            root: { method: 'containers' },
            args: LAB_KERNEL_ARGS,
          },
        },
        nodes: Object.fromEntries(
          Object.entries(MACHINES).map(([name, containers]) => [
            name,
            { mac: macOf(name), image: 'runner', containers },
          ]),
        ),
      }),
    );
    const artifacts = join(lab.folder, 'artifacts');
    await mkdir(artifacts);
    for (const file of ['vmlinuz', 'containers.img']) await copyFile(join(IMAGES, suite, file), join(artifacts, file));
    const registry = await startRegistry(lab.network, lab.folder);
    const files = { 'old/.wh.file': '', 'new/file': 'above\n' };
    await pushBusyboxImage(registry, lab.folder, IMAGE, { Cmd: ['sh'], Env: ['A=b'] }, files);
    await registry.push(`oci-archive:${join(IMAGES, suite, 'root.oci')}:latest`, SYSTEM);
    await lab.serve();
  });
  afterAll(async () => {
    await machine?.off();
    await lab?.destroy();
  });
  beforeEach(async () => {
    await machine?.off();
    machine = undefined;
  });

  const slipway = (command: string, ...args: string[]) =>
    lab.network.must('server', process.execPath, [
      join(TOP, 'dist/cli.js'),
      command,
      '--config',
      lab.configFile,
      ...args,
    ]);

  /** Boots a machine until its pipeline ends; gives its console, its output at the server, and the pipeline's status. */
  async function run(name: string) {
    onTestFailed(() => console.log(machine?.console.output.slice(-6000)));
    machine = await powerOn(lab.network, {
      ...{ firmware: 'bios', mac: macOf(name), memory: 2048 },
      log: join(TOP, `build/logs/containers-${suite}-${name}.log`),
    });
    const [, status] = await machine.console.until(/the pipeline ended with status (\d+)/, HUNG);
    await machine.console.until(/Power down|sysrq: Resetting/, HUNG);
    return { console: machine.console.output, output: await slipway('output', name), status: Number(status) };
  }

  test('a step that fails may be passed over', async () => {
    const { output, status } = await run('continue');
    expect(output).toContain('first of continue\n');
    expect(output).not.toContain('below');
    expect(output).toContain('after two 7 by two\n');
    expect(status).toBe(7);
  });

  test('a step that fails ends the pipeline, but for what always runs', async () => {
    const { output, status } = await run('stop');
    expect(output).toBe('first\nalways 7\n');
    expect(status).toBe(7);
  });

  test('a step is tried again', async () => {
    const { output, status } = await run('retry');
    expect(output).toBe('1\n2\n3\nthen 0\n');
    expect(status).toBe(0);
  });

  test('a step that fails may restart the machine', async () => {
    const { output, console } = await run('reboot');
    expect(output).toBe('');
    expect(console).toContain('slipway: restarting');
  });

  test('an image with systemd runs as it would on a machine', async () => {
    const { output } = await run('systemd');
    expect(output).toContain('active\nsystemd\nafter 3\n');
  });

  test('a step talks to a service by its name', async () => {
    const { output, status } = await run('service');
    expect(output).toContain('served\n');
    expect(status).toBe(0);
  });

  test('time, memory and powers have limits', async () => {
    const { output, console } = await run('limits');
    expect(console).toContain('step time was not done after 3 s');
    expect(console).toContain('step memory needs more memory than its limit');
    expect(output).toContain('1000\n');
    expect(output).toContain('no mknod\n0\n');
    expect(output).toContain('no disk\n');
  });
});
