import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { must, type Running } from '../support/process.ts';

const BASE = `http://${SERVER_ADDRESS}:8080`;
const SCRIPT = `${BASE}/ipxe/52-54-00-00-00-01`;
const CONFIG = `
server: { interface: eth0, http: { workers: 1 }, tftp: { port: 6969 }, dhcp: { mode: off } }
artifacts: ./artifacts
templates: ./templates
images:
  debian:
    kernel: vmlinuz
    args: [round=0]
    root: { method: lazy, source: root.squashfs }
nodes: { n001: { mac: "52:54:00:00:00:01", image: debian } }
`;
const KERNEL = randomBytes(1_000_000);

let lab: Lab;
let daemons: Running[];

beforeEach(async () => {
  lab = await createLab(CONFIG);
  daemons = [];
  await mkdir(join(lab.folder, 'artifacts'));
  await mkdir(join(lab.folder, 'templates'));
  await put('vmlinuz', KERNEL);
  await put('root.squashfs', randomBytes(200_000));
});

afterEach(async () => {
  for (const daemon of daemons) await daemon.stop('SIGKILL');
  await lab.destroy();
});

async function put(name: string, bytes: Uint8Array): Promise<void> {
  const path = join(lab.folder, 'artifacts', name);
  await writeFile(`${path}.new`, bytes);
  await utimes(`${path}.new`, 1_000_000, 1_000_000);
  await rename(`${path}.new`, path);
}

/** Starts the daemon behind what a shell does first, in namespaces that end with it. */
async function serve(before: string, namespaces: readonly string[] = ['--mount']): Promise<Running> {
  const daemon = lab.network.start('server', 'unshare', [
    ...namespaces,
    ...['sh', '-ec', `${before}\nexec "$@"`, 'sh', process.execPath, join(TOP, 'dist/cli.js')],
    ...['serve', '--config', lab.configFile, '--log', 'json'],
  ]);
  daemons.push(daemon);
  await daemon.until(/"event":"ready"/);
  return daemon;
}

const curl = (...args: readonly string[]) => lab.network.must('client', 'curl', ['-sS', '--max-time', '60', ...args]);

/** Fetches what the node would, and compares the kernel. */
async function bootsWhole(): Promise<void> {
  const script = await curl(SCRIPT);
  expect(script).toMatch(/slipway\.verity=[0-9a-f]{64}:49/);
  const target = join(lab.folder, 'fetched');
  await curl('--fail', '-o', target, /http:\S+vmlinuz/.exec(script)?.[0] ?? '');
  expect(KERNEL.equals(await readFile(target))).toBe(true);
}

describe('an artifacts folder that cannot be written', () => {
  const onTmpfs = (then: string) => `
    cp -a ${lab.folder}/artifacts ${lab.folder}/copy
    mount -t tmpfs -o size=2m tmpfs ${lab.folder}/artifacts
    cp -a ${lab.folder}/copy/. ${lab.folder}/artifacts
    ${then}`;

  test.each([
    ['a disk that is full', 'dd if=/dev/zero of="$A/fill" bs=4k 2>/dev/null || true', 'ENOSPC'],
    ['a disk without a free inode', 'mount -o remount,nr_inodes=4 "$A"', 'ENOSPC'],
    ['a read-only mount', 'mount -o remount,ro "$A"', 'EROFS'],
    ['a read-only mount with what an earlier run kept', 'mkdir "$A/.slipway"; mount -o remount,ro "$A"', 'EROFS'],
  ])('%s: nodes boot, and the log says what is lost', async (_title, then, code) => {
    const daemon = await serve(onTmpfs(`A=${lab.folder}/artifacts; ${then}`));
    await bootsWhole();
    await daemon.until(new RegExp(`"event":"artifact.index","level":"warn","message":"[^"]*${code}`));
    await daemon.until(new RegExp(`"event":"artifact.tree","level":"warn","message":"[^"]*${code}`));
    expect(daemon.output).not.toContain('"level":"error"');
    expect((await daemon.stop()).code).toBe(0);
  });

  test('a user who may not even look into what an earlier run kept', async () => {
    await mkdir(join(lab.folder, 'artifacts/.slipway'), { mode: 0o700 });
    await writeFile(join(lab.folder, 'artifacts/.slipway/digests.json'), 'not to be read');
    const drop = `chmod 755 ${lab.folder}; set -- setpriv --bounding-set=-all,+net_bind_service "$@"`;
    const daemon = await serve(`${drop}; chown -R 65534 ${lab.folder}/artifacts/.slipway`);
    await bootsWhole();
    await daemon.until(/"event":"artifact.dropped","level":"warn","message":"[^"]*EACCES/);
  });
});

test.each(['max_inotify_watches', 'max_inotify_instances'])(
  'without %s a new configuration is in force all the same',
  async (limit) => {
    const daemon = await serve(`echo 0 > /proc/sys/user/${limit}`, ['--user', '--map-root-user', '--mount']);
    await daemon.until(/"event":"config.watch","level":"warn","message":"[^"]*checked every 2 s[^"]*fs\.inotify/);
    await writeFile(lab.configFile, CONFIG.replace('round=0', 'round=1'));
    await daemon.until(/"event":"config.loaded"/);
    expect(daemon.output).not.toContain('config.problem');
  },
);

/** Takes connections until it is told to end. */
const CROWD = `import signal, socket
crowd = [socket.create_connection(("${SERVER_ADDRESS}", port)) for port in [8080] * 60 + [10809] * 10]
print("up", flush=True)
signal.pause()`;

test('without a descriptor left it neither ends nor works for nothing, and serves when there are some again', async () => {
  const daemon = await serve('');
  await bootsWhole();
  const { pid } = daemon.child;
  const used = (await readdir(`/proc/${pid}/fd`)).length;
  const ticks = async () => {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  await must('prlimit', ['--pid', String(pid), `--nofile=${used + 20}:4096`]);
  const before = await ticks();
  const crowd = lab.network.start('client', 'python3', ['-c', CROWD]);
  await crowd.until(/up/);
  const { code } = await lab.network.run('client', 'curl', ['-sS', '--max-time', '2', '--fail', SCRIPT]);
  expect(code).not.toBe(0);
  // Hundredths of a second: what spins takes all of the two seconds.
  expect((await ticks()) - before).toBeLessThan(100);
  await crowd.stop('SIGKILL');
  await bootsWhole();
  expect(daemon.output).not.toContain('uncaught');
});
