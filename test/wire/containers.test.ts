import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ContainersDocument } from '../../src/model/containers/document.ts';
import { createServingLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import type { Running } from '../support/process.ts';

const URL = `http://${SERVER_ADDRESS}:8080`;
const MAC = '52:54:00:00:00:01';
const CONFIG = `
server: { interface: eth0, http: { workers: 2 }, dhcp: false }
images:
  ci: { kernel: k, initrd: i, root: { method: containers } }
  plain: { kernel: k }
nodes:
  n1:
    mac: "${MAC}"
    image: ci
    containers:
      volumes: { results: }
      steps:
        - name: build
          image: docker://registry.example.net/builder:1
          environment: { PASSWORD: !secret file:password }
          mounts: [{ volume: results, target: /results }]
  n2: { mac: "52:54:00:00:00:02", image: plain }
`;

let lab: Lab;
let daemon: Running;

beforeAll(async () => {
  ({ lab, daemon } = await createServingLab(CONFIG, { k: Buffer.alloc(50_000, 'k'), i: Buffer.alloc(500, 'i') }));
  await writeFile(join(lab.folder, 'password'), 'hunter2\n');
});
afterAll(() => lab?.destroy());

const curl = (...args: string[]) => lab.network.must('client', 'curl', ['-sS', ...args]);
const status = (...args: string[]) => curl('-o', '/dev/null', '-w', '%{http_code}', ...args);
const slipway = (...args: string[]) => [join(TOP, 'dist/cli.js'), ...args];

/** A boot as the initrd sees it: the base of its URLs, its document, and the digest that the kernel line has. */
async function boot() {
  const script = await curl('-A', 'iPXE/1.21.1', `${URL}/ipxe/${MAC}`);
  const [, base = ''] = /slipway\.containers=(\S+)/.exec(script) ?? [];
  const [, digest] = /slipway\.sha256=(\w+)/.exec(script) ?? [];
  const text = await curl(base);
  return { script, base, digest, text, document: JSON.parse(text) as ContainersDocument };
}

const tell = (base: string, step: string, happening: string, ...more: string[]) => {
  const fields = [`step=${step}`, `happening=${happening}`, 'message=so', ...more];
  return status(...fields.flatMap((field) => ['-d', field]), `${base}/step`);
};

test('the kernel line has the digest of the document, which has the secrets', async () => {
  const { script, digest, text, document } = await boot();
  expect(createHash('sha256').update(text).digest('hex')).toBe(digest);
  expect(script).toMatch(/kernel .* slipway\.containers=.* rd\.neednet=1 ip=dhcp slipway\.report=/);
  expect(document.steps).toMatchObject([{ name: 'build', environment: { PASSWORD: 'hunter2' }, network: 'private' }]);
});

test('a person sees the document without secrets, and no token is in the log', async () => {
  const { base } = await boot();
  const shown = await curl(`${URL}/containers/${MAC}`);
  expect(shown).toContain('"PASSWORD": "<secret>"');
  expect(await status(`${URL}/containers/${MAC}/${'0'.repeat(32)}`)).toBe('404');
  expect(daemon.output).toContain('/containers/52:54:00:00:00:01/…');
  const [, token = 'none'] = /\/containers\/[^/]+\/(\w+)$/.exec(base) ?? [];
  expect(daemon.output).not.toContain(token);
  expect(daemon.output).not.toContain('hunter2');
});

test('output and reports of steps are kept, in their order', async () => {
  const { base } = await boot();
  expect(await tell(base, 'build', 'begun')).toBe('204');
  // A container that reads the kernel line does not get it.
  expect(await status(base)).toBe('410');
  const piece = (text: string, at: number) => status('--data-binary', text, `${base}/log?step=build&offset=${at}`);
  expect(await piece('one\n', 0)).toBe('204');
  // Sent again, as its answer was lost.
  expect(await piece('one\ntwo\n', 0)).toBe('204');
  expect(await tell(base, 'build', 'failed', 'status=7', 'reason=exit')).toBe('204');
  expect(await tell(base, '', 'failed', 'status=7')).toBe('204');
  const { boots } = JSON.parse(await curl(`${URL}/api/v1/boots?machine=n1`)) as { boots: { id: string }[] };
  const id = boots[0]?.id;
  const { output } = JSON.parse(await curl(`${URL}/api/v1/boots/${id}/output`)) as { output: { data: string }[] };
  expect(output.map(({ data }) => Buffer.from(data, 'base64').toString()).join('')).toBe('one\ntwo\n');
  expect(await lab.network.must('server', process.execPath, slipway('output', 'n1', '--config', lab.configFile))).toBe(
    'one\ntwo\n',
  );
  const { steps } = JSON.parse(await curl(`${URL}/api/v1/boots/${id}`)) as { steps: object[] };
  expect(steps.slice(-2)).toMatchObject([{ stage: 'pipeline', step: 'build', status: 7 }, { status: 7 }]);
});

/** Starts `slipway run`, has the machine boot and get what was ordered. */
async function run(...args: string[]) {
  const command = lab.network.start('server', process.execPath, [
    ...slipway('run', 'n1', '--config', lab.configFile, '--image', 'alpine', ...args),
  ]);
  await command.until(/at its next boot/);
  const booted = await boot();
  await command.until(/it has begun/);
  return { command, ...booted };
}

test('one job runs at the next boot, with its output and its exit status', async () => {
  const { command, base, document } = await run('--env', 'A=b c', '--', 'make', 'test');
  const [step] = document.steps;
  expect(document.end).toEqual({ action: 'reboot', after: 0 });
  expect(step).toMatchObject({
    image: { reference: 'docker.io/alpine' },
    command: ['make', 'test'],
    environment: { A: 'b c' },
  });
  const name = step?.name ?? '';
  await tell(base, name, 'begun');
  await status('--data-binary', 'all is well\n', `${base}/log?step=${name}&offset=0`);
  await tell(base, name, 'failed', 'status=7', 'reason=exit');
  expect((await command.exit).code).toBe(7);
  expect(command.output).toContain('all is well');
  // Its ordinary boot again.
  await tell(base, '', 'failed', 'status=7');
  await curl(
    '-o',
    '/dev/null',
    `${URL}/blobs/sha256/${createHash('sha256').update(Buffer.alloc(50_000, 'k')).digest('hex')}/k`,
  );
  expect((await boot()).document.steps).toMatchObject([{ name: 'build' }]);
});

test('a job that takes too long is cancelled at the machine, and one that is interrupted', async () => {
  const { command, base, document } = await run('--timeout', '2', '--', 'sleep', '99');
  const name = document.steps[0]?.name ?? '';
  expect(document.steps).toMatchObject([{ timeout: 2 }]);
  expect((await command.exit).code).toBe(124);
  expect(await status('--data-binary', 'x', `${base}/log?step=${name}&offset=0`)).toBe('410');
  // When it is over, the machine may run another one in the same boot.
  expect(await tell(base, '', 'failed', 'status=130')).toBe('410');
  expect(await status('--data-binary', 'x', `${base}/log?step=${name}&offset=0`)).toBe('204');
});

test('a machine that waits gets the next job without a restart, once', async () => {
  const { base, digest } = await boot();
  const command = lab.network.start(
    'server',
    process.execPath,
    slipway('run', 'n1', '--config', lab.configFile, '--image', 'oci:ci'),
  );
  await command.until(/at its next boot/);
  const text = await curl(`${base}/next?after=${digest}`);
  const [step] = (JSON.parse(text) as ContainersDocument).steps;
  expect(step?.image).toEqual({ reference: `${SERVER_ADDRESS}:8080/ci:latest`, name: 'ci', plain_http: true });
  await tell(base, step?.name ?? '', 'done', 'status=0');
  expect((await command.exit).code).toBe(0);
  const after = createHash('sha256').update(text).digest('hex');
  await lab.network.run('client', 'curl', ['-sS', '--max-time', '3', `${base}/next?after=${after}`]);
  expect(JSON.parse(await curl(`${URL}/api/v1/orders`))).toEqual({ orders: [] });
});

test('what is ordered is checked', async () => {
  const order = (...args: string[]) =>
    lab.network.run('server', process.execPath, slipway('run', '--config', lab.configFile, ...args));
  expect((await order('n9', '--image', 'alpine')).stderr).toContain('there is no node "n9"');
  expect((await order('n1', '--image', 'UPPER')).stderr).toContain(
    'containers.steps.0.image: expected an image such as',
  );
  expect((await order('n1', '--image', 'a', '--volume', 'x')).stderr).toContain('is not of the form NAME:/PATH');
});
