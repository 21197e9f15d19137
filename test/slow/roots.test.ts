import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildImage, IMAGES, LAB_ARGS, type Suite } from '../support/images.ts';
import { createLab, type Lab, TOP } from '../support/lab.ts';
import { powerOn } from '../support/machine.ts';
import { must, type Running } from '../support/process.ts';
import { startRegistry } from '../support/registry.ts';
import { REGISTRY, ROOT_ROWS, type RootRow, reportOf } from '../support/roots.ts';

// Every root method on every dracut, from power-on to what the booted system says of itself.

/** Seconds after which a boot counts as hung; two machines share two processors here. */
const HUNG = 800;
const LOGS = join(TOP, 'build/logs');
const RESULTS = join(TOP, 'build/boot-matrix.json');
const SUITES: readonly Suite[] = ['bookworm', 'trixie'];

interface Case {
  readonly suite: Suite;
  readonly row: RootRow;
  readonly name: string;
  readonly mac: string;
}

const CASES: readonly Case[] = SUITES.flatMap((suite, s) =>
  ROOT_ROWS.map((row, r) => ({
    ...{ suite, row, name: `m${s}${String(r).padStart(2, '0')}` },
    mac: `52:54:00:00:0${s + 2}:${r.toString(16).padStart(2, '0')}`,
  })),
);

const CONFIG = `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:
${CASES.map(
  ({ suite, row, name }) =>
    `  ${name}: { kernel: ${suite}/vmlinuz, initrd: ${suite}/initrd.img, root: ${row.root(suite)}, args: ${LAB_ARGS} }`,
).join('\n')}
nodes:
${CASES.map(({ name, mac }) => `  ${name}: { mac: "${mac}", image: ${name} }`).join('\n')}
`;

/** The other archives of the same tree. */
async function makeTars(folder: string): Promise<void> {
  const made = await stat(join(folder, 'rootfs.tar.zst')).catch(() => undefined);
  const source = await stat(join(folder, 'rootfs.tar.xz'));
  if (made && made.mtimeMs > source.mtimeMs) return;
  const script = `cd '${folder}' && xz -dc rootfs.tar.xz > rootfs.tar && gzip -1 -k -f rootfs.tar && zstd -q -f rootfs.tar -o new.zst && mv new.zst rootfs.tar.zst`;
  await must('sh', ['-c', script]);
}

let lab: Lab;
let daemon: Running;

/** Seconds and report of each case, by suite and row; those of earlier, partial runs stay. */
async function record(key: string, result: object): Promise<void> {
  const results = await readFile(RESULTS, 'utf8').then(JSON.parse, () => ({}));
  results[key] = result;
  await writeFile(RESULTS, JSON.stringify(results, null, 1));
  const cell = (suite: Suite, row: RootRow) => {
    const found = results[`${suite} ${row.name}`];
    return found ? `${found.seconds} s, \`/\` ${found.rootfs}, ${found.shmem} MB` : '–';
  };
  const lines = ROOT_ROWS.map((row) => `| ${row.name} | ${SUITES.map((suite) => cell(suite, row)).join(' | ')} |`);
  await writeFile(
    join(TOP, 'build/boot-matrix.md'),
    ['| root | Debian 12, dracut 059 | Debian 13, dracut-ng 106 |', '|---|---|---|', ...lines, ''].join('\n'),
  );
}

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  for (const suite of SUITES) {
    await buildImage(suite);
    await makeTars(join(IMAGES, suite));
  }
  lab = await createLab(CONFIG);
  const registry = await startRegistry(lab.network, lab.folder);
  for (const suite of SUITES) {
    const archive = `oci-archive:${join(IMAGES, suite, 'root.oci')}:latest`;
    await registry.push(archive, `docker://${REGISTRY}/lab/node:${suite}`);
  }
  daemon = await lab.serve();
});
afterAll(() => lab?.destroy());

describe.concurrent.each(SUITES)('%s', (suite) => {
  test.for(CASES.filter((each) => each.suite === suite))('boots by $row.name', async ({ row, name, mac }, context) => {
    const log = join(LOGS, `${suite}-${row.name.replace(/[^a-z0-9]+/gi, '-')}.log`);
    const started = performance.now();
    const machine = await powerOn(lab.network, { firmware: 'bios', mac, memory: 1280, log });
    context.onTestFailed(() =>
      console.log(`${log} ends with:\n${machine.console.output.slice(-3000)}\n${daemon.output.slice(-2000)}`),
    );
    try {
      await machine.console.until(/SLIPWAY-REPORT end|This machine has no root/, HUNG);
      const seconds = Math.round((performance.now() - started) / 1000);
      const said = reportOf(machine.console.output);
      expect(said.hostname).toBe(name);
      expect(said.os).toBe(suite === 'bookworm' ? '12' : '13');
      for (const [key, pattern] of Object.entries(row.expected)) expect(said[key], key).toMatch(pattern);
      const shmem = Math.round(Number.parseInt(said.memory ?? '0', 10) / 1024);
      await record(`${suite} ${row.name}`, { seconds, rootfs: said.rootfs, shmem });
    } finally {
      await machine.off();
    }
  });
});
