import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KexecDocument } from '../../src/model/containers/document.ts';
import { createServingLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import type { Running } from '../support/process.ts';

const URL = `http://${SERVER_ADDRESS}:8080`;
const STEPS = 'steps: [{ name: a, image: "docker://registry.example.net/a" }]';
/** A setting of iPXE. */
const setting = (name: string) => `$${'{'}${name}}`;
const CONFIG = `
server: { interface: eth0, http: { workers: 2 }, dhcp: false }
images:
  runner: { kernel: k, initrd: i, root: { method: containers } }
  debian:
    kernel: k
    initrd: [i, i2]
    root: { method: bootc-live, source: root.oci, delivery: initrd }
    args: ["card=${setting('netX/mac:hexhyp')}", quiet]
  odd: { kernel: k, args: ["ip=${setting('net1/ip')}"] }
nodes:
  n1:
    mac: "52:54:00:00:00:01"
    image: runner
    configuration: { user_data: { packages: [vim] } }
    containers: { ${STEPS}, end: { action: kexec, image: debian } }
  n2: { mac: "52:54:00:00:00:02", image: runner, containers: { ${STEPS}, end: { action: kexec, image: odd } } }
  n3: { mac: "52:54:00:00:00:03", image: runner, containers: { ${STEPS} } }
`;

const FILES: Readonly<Record<string, Buffer>> = {
  ...{ k: Buffer.alloc(50_000, 'k'), i: Buffer.alloc(500, 'i'), i2: Buffer.alloc(700, 'j') },
  'root.oci': Buffer.alloc(900, 'r'),
};
const sha256 = (name: string) =>
  createHash('sha256')
    .update(FILES[name] ?? '')
    .digest('hex');
const blob = (name: string) => ({ url: `${URL}/blobs/sha256/${sha256(name)}/${name}`, sha256: sha256(name) });

let lab: Lab;
let daemon: Running;

beforeAll(async () => {
  ({ lab, daemon } = await createServingLab(CONFIG, FILES));
});
afterAll(() => lab?.destroy());

const curl = (...args: string[]) => lab.network.must('client', 'curl', ['-sS', ...args]);
const post = (url: string, ...args: string[]) => curl('-w', '\n%{http_code}', '--data', '', ...args, url);

/** Boots a node by iPXE. @returns the base of the URLs of its containers */
async function boot(number: number): Promise<string> {
  const script = await curl('-A', 'iPXE/1.21.1', `${URL}/ipxe/52:54:00:00:00:0${number}`);
  return /slipway\.containers=(\S+)/.exec(script)?.[1] ?? '';
}

const tell = (base: string, step: string, happening: string) =>
  curl('-d', `step=${step}`, '-d', `happening=${happening}`, '-d', 'message=so', '-d', 'status=0', `${base}/step`);

/** Boots a node, and runs its pipeline. */
async function run(number: number): Promise<string> {
  const base = await boot(number);
  await tell(base, 'a', 'begun');
  await tell(base, 'a', 'done');
  await tell(base, '', 'done');
  return base;
}

interface Shown {
  readonly id: string;
  readonly image: string;
  readonly stage: string;
  readonly outcome: string;
}
const bootsOf = async (node: string) =>
  (JSON.parse(await curl(`${URL}/api/v1/boots?machine=${node}`)) as { boots: Shown[] }).boots;

test('after its pipeline a machine gets what its script would have for the image, and a boot of its own', async () => {
  const base = await run(1);
  expect(await curl('-o', '/dev/null', '-w', '%{http_code}', `${base}/kexec`)).toBe('405');
  const [text = '', status] = (await post(`${base}/kexec`)).split('\n\n');
  expect(status).toBe('200');
  const { kernel, initrds, line, report } = JSON.parse(text) as KexecDocument;
  expect(kernel).toEqual(blob('k'));
  expect(initrds).toEqual([
    { ...blob('i'), path: null },
    { ...blob('i2'), path: null },
    { ...blob('root.oci'), path: '/root.oci' },
  ]);
  expect(line).toMatch(
    /^root=bootc-live:\/root\.oci .* ip=dhcp slipway\.report=\S+ BOOTIF=01-52-54-00-00-00-01 systemd\.hostname=n1 .*card=52-54-00-00-00-01 quiet$/,
  );
  expect(line).toContain(`slipway.report=${report} `);
  expect(line).not.toMatch(/initrd=|0{32}/);
  expect(await bootsOf('n1')).toMatchObject([
    { image: 'debian', stage: 'script', outcome: 'under-way' },
    { image: 'runner', stage: 'pipeline', outcome: 'up' },
  ]);
  // The answer was lost: the same once more, for the same boot.
  expect(await post(`${base}/kexec`)).toBe(`${text}\n\n200`);
  expect(await bootsOf('n1')).toHaveLength(2);
  await curl('-o', '/dev/null', kernel.url);
  await curl('-d', 'stage=network', '-d', 'happening=done', '-d', 'message=up', report);
  expect((await post(`${base}/kexec`)).slice(-3)).toBe('404');
  expect(await bootsOf('n1')).toMatchObject([{ image: 'debian', stage: 'network' }, {}]);
  const { steps } = JSON.parse(await curl(`${URL}/api/v1/boots/${(await bootsOf('n1'))[0]?.id}`)) as {
    steps: object[];
  };
  expect(steps).toMatchObject([{ stage: 'script' }, { stage: 'script' }, { stage: 'script' }, { stage: 'kernel' }, {}]);
});

test('while its pipeline runs, nobody gets it: a step may be able to read the kernel line', async () => {
  const base = await boot(1);
  expect(await post(`${base}/kexec`)).toContain('the pipeline of this boot is not over');
  await tell(base, 'a', 'begun');
  expect((await post(`${base}/kexec`)).slice(-3)).toBe('409');
  expect((await bootsOf('n1'))[0]).toMatchObject({ image: 'runner' });
});

test('what only iPXE knows is refused, and the boot says so', async () => {
  const base = await run(2);
  const answer = await post(`${base}/kexec`);
  expect(answer).toContain(`odd: its script has ${setting('net1/ip')}, which only iPXE knows`);
  expect(answer.slice(-3)).toBe('409');
  const [last] = await bootsOf('n2');
  const { steps } = JSON.parse(await curl(`${URL}/api/v1/boots/${last?.id}`)) as { steps: object[] };
  expect(steps.at(-1)).toMatchObject({ stage: 'script', happening: 'failed' });
});

test('a machine whose containers end otherwise gets nothing, and no token is in the log', async () => {
  const base = await run(3);
  expect(await post(`${base}/kexec`)).toContain('the containers of this boot do not end with kexec');
  expect((await bootsOf('n3'))[0]).toMatchObject({ image: 'runner', outcome: 'up' });
  expect(daemon.output).toContain('goes on by kexec into debian');
  expect(daemon.output).not.toContain(base.split('/').pop() ?? 'none');
});
