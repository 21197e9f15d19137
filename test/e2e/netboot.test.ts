import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import type { BootChange } from '../../src/model/fleet/boot-store.ts';
import { buildImage, IMAGES, imageYaml, type LabMethod, type Suite } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type Machine, type MachineFirmware, powerOn } from '../support/machine.ts';
import type { Running } from '../support/process.ts';
import { reportOf } from '../support/roots.ts';

/** Seconds after which a boot counts as hung; software emulation on a loaded machine is slow. */
const HUNG = 800;
const LOGS = join(TOP, 'build/logs');

const CASES: readonly { firmware: MachineFirmware; suite: Suite; method: LabMethod }[] = [
  { firmware: 'bios', suite: 'bookworm', method: 'bootc-live' },
  { firmware: 'bios', suite: 'bookworm', method: 'image' },
  { firmware: 'uefi', suite: 'trixie', method: 'bootc-live' },
  { firmware: 'uefi', suite: 'trixie', method: 'container-root' },
  { firmware: 'uefi-http', suite: 'bookworm', method: 'container-root' },
];

const ARGUMENT = {
  'bootc-live': 'root=bootc-live:http',
  'container-root': 'rd.container.rootfs=http',
  image: 'root=slipway:http',
} as const;

/** Stages that every machine comes to; those with a BIOS have iPXE in their network card. */
const STAGES_OF_ALL = ['dhcp', 'script', 'kernel', 'initrd', 'network', 'root', 'switch-root', 'up'] as const;

const macOf = (index: number) => `52:54:00:00:00:${(index + 1).toString(16).padStart(2, '0')}`;
const nameOf = (index: number) => `n${String(index + 1).padStart(3, '0')}`;

const CONFIG = `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:${[...new Set(CASES.map(({ suite, method }) => imageYaml(suite, method)))].join('')}
nodes:
${CASES.map(({ suite, method }, i) => `  ${nameOf(i)}: { mac: "${macOf(i)}", profile: lab, image: ${suite}-${method} }`).join('\n')}
profiles:
  lab: { args: [slipway.lab=1] }
`;

let lab: Lab;
let daemon: Running;
/** The steps of all boots, each as a line of JSON. */
let watch: Running;

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  for (const suite of new Set(CASES.map((each) => each.suite))) await buildImage(suite);
  lab = await createLab(CONFIG);
  daemon = await lab.serve();
  const asked = ['watch', '--json', '--server', `http://${SERVER_ADDRESS}:8080`];
  watch = lab.network.start('server', process.execPath, [join(TOP, 'dist/cli.js'), ...asked]);
});

afterAll(() => lab?.destroy());

describe.each(CASES.map((each, index) => ({ ...each, index })))('$firmware boots $suite by $method', (each) => {
  const { firmware, suite, method, index } = each;
  let machine: Machine;
  afterAll(() => machine?.off());

  test('from power-on to a login prompt, with its root in RAM', async () => {
    const log = join(LOGS, `${firmware}-${suite}-${method}.log`);
    onTestFailed(() =>
      console.log(`${log} ends with:\n${machine?.console.output.slice(-3000)}\n${daemon.output.slice(-3000)}`),
    );
    const powerOnAt = performance.now();
    machine = await powerOn(lab.network, { firmware, mac: macOf(index), memory: 1536, log });
    await machine.console.until(/SLIPWAY-REPORT end/, HUNG);
    await machine.console.until(/login: /, HUNG);
    const seconds = (performance.now() - powerOnAt) / 1000;
    console.log(`${firmware}, ${suite}, ${method}: ${seconds.toFixed(1)} s from power-on to log-in`);
    const said = reportOf(machine.console.output);
    expect(said.hostname).toBe(nameOf(index));
    expect(said.cmdline).toContain('slipway.lab=1');
    expect(said.cmdline).toContain(ARGUMENT[method]);
    expect(said.rootfs).toBe(method === 'image' ? 'overlay' : 'tmpfs');
    expect(said.os).toBe(suite === 'bookworm' ? '12' : '13');

    await watch.until(new RegExp(`"node":"${nameOf(index)}".*"stage":"up","happening":"done"`), HUNG);
    const lines = watch.output.split('\n').filter((line) => line.startsWith('{'));
    const changes = lines.map((line) => JSON.parse(line) as BootChange).filter(({ boot }) => boot.mac === macOf(index));
    expect(new Set(changes.map(({ boot }) => boot.id)).size).toBe(1);
    expect(changes.at(-1)?.boot).toMatchObject({ outcome: 'up', image: `${suite}-${method}` });
    const stages = new Set(changes.map(({ step }) => step.stage));
    expect([...STAGES_OF_ALL].filter((stage) => !stages.has(stage))).toEqual([]);
    expect(stages.has('boot-file')).toBe(firmware !== 'bios');
  });
});
