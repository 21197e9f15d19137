import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { debianLayout } from '../support/debian-image.ts';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import type { Member } from '../support/image-layers.ts';
import { LAB_KERNEL_ARGS, type Suite } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { powerOn } from '../support/machine.ts';
import { must } from '../support/process.ts';

// Every file of a booted node's root, beside what umoci makes of the same container image.

const HUNG = 800;
const LOGS = join(TOP, 'build/logs');
const INIT = '/usr/local/sbin/send-files';

/** A node's first process: says what its root is to the port that the kernel line names. What is mounted below / is not seen. */
const SEND_FILES = `#!/bin/bash
[[ $(cat /proc/cmdline) =~ files=([0-9]+) ]]
mount --bind / /mnt
python3 /usr/local/lib/image-files.py /mnt seconds > /dev/tcp/${SERVER_ADDRESS}/\${BASH_REMATCH[1]}
echo "FILES-SENT $?"
sleep infinity
`;

/** Writes what comes to a port into a file. */
const RECEIVER = `
import { createServer } from 'node:net'; import { createWriteStream } from 'node:fs';
const [port, file] = process.argv.slice(2);
createServer((socket) => {
  socket.pipe(createWriteStream(file)).on('finish', () => console.log('received'));
}).listen(Number(port), () => console.log('listening'));`;

/** The last layer: whiteouts of every kind over real directories, and files that are hard to carry over. */
const lastLayer = async (): Promise<readonly Member[]> => [
  { name: INIT.slice(1), content: SEND_FILES, mode: 0o755 },
  {
    name: 'usr/local/lib/image-files.py',
    content: await readFile(join(TOP, 'test/support/image-files.py'), 'latin1'),
  },
  { name: 'etc/.wh.issue' },
  { name: 'usr/share/.wh.bug' },
  { name: 'usr/share/zoneinfo/.wh..wh..opq' },
  { name: 'usr/share/zoneinfo/UTC', content: 'new' },
  { name: 'srv/owned', content: 'x', mode: 0o4710, uid: 1000, gid: 100, mtime: 1_000_000_000 },
  { name: 'srv/again', type: 'link', linkname: 'srv/owned' },
  { name: 'srv/terminal', type: 'character', major: 4, minor: 70, mode: 0o620 },
  { name: 'srv/pipe', type: 'fifo', mode: 0o600 },
  { name: 'srv/sparse', content: 'ab', holes: { size: 1 << 24, at: [4096, 1 << 20] } },
  { name: 'srv/\xe9\n', content: 'a name that is not UTF-8' },
  { name: `srv/${'long'.repeat(60)}`, type: 'symlink', linkname: 'far/'.repeat(50) },
  {
    name: 'srv/able',
    mode: 0o755,
    content: 'x',
    xattrs: { 'security.capability': `\x01\0\0\x02\0\x20${'\0'.repeat(14)}` },
  },
];

const SUITES: readonly Suite[] = ['bookworm', 'trixie'];
/** The root methods by the kind of root that they boot. */
const ROOTS = {
  squashfs: (suite: Suite) => `{ method: image, source: ${suite}/rootfs.squashfs }`,
  erofs: (suite: Suite) => `{ method: image, source: ${suite}/rootfs.erofs }`,
  'tar.zst': () => '{ method: container-root }',
  oci: (suite: Suite) => `{ method: bootc-live, source: "oci:${suite}" }`,
  'squashfs on demand': () => '{ method: lazy }',
};
const CASES = SUITES.flatMap((suite, s) =>
  Object.entries(ROOTS).map(([kind, root], i) => ({
    ...{ suite, kind, name: `${suite}-${i}`, root: root(suite), port: 8100 + 10 * s + i },
    mac: `52:54:00:00:07:${s}${i}`,
  })),
);

let builder: Builder;
let folder: string;
let lab: Lab;
const expected = new Map<Suite, Files>();

/** By path: mode, owner, device, time, attributes, content, size; and the paths that are one file. */
interface Files {
  readonly files: Readonly<Record<string, unknown[]>>;
  readonly links: readonly (readonly string[])[];
}

const changed = ({ files, links }: Files, change: (each: unknown[]) => unknown[]): Files => ({
  files: Object.fromEntries(Object.entries(files).map(([path, each]) => [path, change(each)])),
  links,
});

/** umoci leaves the time of its work on directories. */
const withoutTimes = (all: Files): Files =>
  changed(all, (each) => (String(each[0]).startsWith('0o4') ? each.with(4, 'any') : each));

/** squashfs has no place for ACLs. */
const withoutAcls = (all: Files): Files =>
  changed(all, (each) => {
    const attributes = Object.entries(each[5] as object).filter(([name]) => !name.startsWith('system.posix_acl'));
    return each.with(5, Object.fromEntries(attributes));
  });

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  folder = await mkdtemp(join(tmpdir(), 'slipway-nodes-'));
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'receiver.mjs'), RECEIVER);
  builder = await createBuilder();
  for (const suite of SUITES) {
    const source = await debianLayout(suite, join(folder, suite), await lastLayer(), {
      packages: ['python3', 'nbd-client', 'dmsetup'],
    });
    await builder.must(['build', source, '--name', suite, '--root', 'squashfs,erofs,tar.zst,oci']);
    const tree = join(folder, `${suite}-umoci`);
    await must('umoci', ['raw', 'unpack', '--image', source.replace(/^oci:/, ''), tree]);
    const files = await must('python3', [join(TOP, 'test/support/image-files.py'), tree, 'seconds']);
    expected.set(suite, withoutTimes(JSON.parse(files)));
    await rm(tree, { recursive: true });
  }
  lab = await createLab(`
server: { interface: eth0 }
artifacts: ${builder.artifacts}
images:
${CASES.map(({ suite, name, root, port }) => {
  const args = [...LAB_KERNEL_ARGS, `init=${INIT}`, `files=${port}`];
  return `  ${name}: { build: ${suite}, root: ${root}, args: [${args.join(', ')}] }`;
}).join('\n')}
nodes:
${CASES.map(({ name, mac }) => `  ${name}: { mac: "${mac}", image: ${name} }`).join('\n')}
`);
  await lab.serve();
}, 1_800_000);
afterAll(async () => {
  await lab?.destroy();
  await builder?.destroy();
  await rm(folder, { recursive: true, force: true });
});

describe.concurrent.each(SUITES)('%s', (suite) => {
  test.for(CASES.filter((each) => each.suite === suite))('has every file in a root of $kind', async (each, context) => {
    const file = join(folder, `${each.name}.json`);
    const receiver = lab.network.start('server', process.execPath, [
      join(folder, 'receiver.mjs'),
      ...[String(each.port), file],
    ]);
    await receiver.until(/listening/);
    const log = join(LOGS, `files-${each.name}.log`);
    const machine = await powerOn(lab.network, { firmware: 'bios', mac: each.mac, memory: 2560, log });
    context.onTestFailed(() => console.log(`${log} ends with:\n${machine.console.output.slice(-3000)}`));
    try {
      const [ending] = await machine.console.until(/FILES-SENT \d+|This machine has no root|Kernel panic/, HUNG);
      expect(ending).toBe('FILES-SENT 0');
      await receiver.until(/received/);
      const found = withoutTimes(JSON.parse(await readFile(file, 'utf8')));
      const wanted = expected.get(suite) as Files;
      expect(Object.keys(found.files).length).toBeGreaterThan(3000);
      expect(found).toEqual(each.kind.startsWith('squashfs') ? withoutAcls(wanted) : wanted);
    } finally {
      await machine.off();
      await receiver.stop('SIGKILL');
    }
  });
});
