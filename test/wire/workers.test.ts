import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createServingLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import type { Running } from '../support/process.ts';

const BASE = `http://${SERVER_ADDRESS}:8080`;
const SCRIPT = `${BASE}/ipxe/52-54-00-00-00-01`;
const CONFIG = `
server: { interface: eth0, http: { workers: 2 }, tftp: false, dhcp: { mode: off } }
artifacts: ./artifacts
images: { debian: { kernel: vmlinuz, args: [round=0] } }
nodes: { n001: { mac: "52:54:00:00:00:01", image: debian } }
`;
const KERNEL = randomBytes(30_000_000);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let lab: Lab;
let daemon: Running;

beforeEach(async () => {
  ({ lab, daemon } = await createServingLab(CONFIG, { vmlinuz: KERNEL }));
});

afterEach(async () => {
  await daemon.stop('SIGKILL');
  await lab.destroy();
});

const curl = (...args: readonly string[]) => lab.network.must('client', 'curl', ['-sS', '--max-time', '60', ...args]);
const blob = async () => /http:\S+vmlinuz/.exec(await curl(SCRIPT))?.[0] ?? '';

/** The worker processes. */
async function workers(): Promise<readonly number[]> {
  const { pid } = daemon.child;
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

/** How many descriptors of the daemon and its workers are open on a file. */
async function openOn(name: string): Promise<number> {
  const pids = [daemon.child.pid ?? 0, ...(await workers())];
  const links = await Promise.all(
    pids.map(async (pid) => {
      const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
      return Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    }),
  );
  return links.flat().filter((link) => link.includes(name)).length;
}

describe('two HTTP workers', () => {
  test('serve scripts, explanations and whole files, and hold nothing open afterwards', async () => {
    expect(await workers()).toHaveLength(2);
    const url = await blob();
    expect(url).toContain(sha256(KERNEL));
    expect(JSON.parse(await curl(`${SCRIPT}?explain`))).toMatchObject({ node: 'n001' });
    expect(await curl(`${BASE}/ipxe`)).toContain('#!ipxe');
    const files = Array.from({ length: 8 }, (_, i) => join(lab.folder, `copy-${i}`));
    await curl('-Z', '--parallel-immediate', ...files.flatMap((file) => [url, '-o', file]));
    for (const file of files) expect(sha256(await readFile(file))).toBe(sha256(KERNEL));
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', `${BASE}/artifacts/none`)).toBe('404');
    while ((await openOn(sha256(KERNEL))) > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('one that dies loses its own downloads only, and is replaced', async () => {
    const url = await blob();
    const downloads = Array.from({ length: 4 }, () =>
      lab.network.start('client', 'curl', ['-sS', '--limit-rate', '4M', '-o', '/dev/null', '-v', url]),
    );
    for (const download of downloads) await download.until(/200 OK/);
    const [victim = 0] = await workers();
    process.kill(victim, 'SIGKILL');
    const codes = (await Promise.all(downloads.map(({ exit }) => exit))).map(({ code }) => code);
    // Connections are handed out in turn.
    expect(codes.filter((code) => code === 0)).toHaveLength(2);
    await daemon.until(/"event":"http.worker"/);
    while ((await workers()).length < 2 || (await workers()).includes(victim)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let n = 0; n < 4; n++) expect(await curl(SCRIPT)).toContain('round=0');
    while ((await openOn(sha256(KERNEL))) > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('a new configuration reaches all of them at once', async () => {
    await curl(SCRIPT);
    await writeFile(lab.configFile, CONFIG.replace('round=0', 'round=1'));
    await daemon.until(/"event":"config.loaded"/);
    for (let n = 0; n < 4; n++) expect(await curl(SCRIPT)).toContain('round=1');
  });

  test('their number changes without a dropped request', async () => {
    const loop = `while [ ! -e ${lab.folder}/stop ]; do curl -sS -o /dev/null --fail ${SCRIPT} || exit 1; done`;
    const client = lab.network.start('client', 'sh', ['-c', loop]);
    await writeFile(lab.configFile, CONFIG.replace('workers: 2', 'workers: 3'));
    await daemon.until(/"event":"config.loaded"/);
    expect(await workers()).toHaveLength(3);
    await writeFile(join(lab.folder, 'stop'), '');
    expect((await client.exit).code).toBe(0);
  });

  test('a stop lets a running download finish, and leaves no process', async () => {
    const url = await blob();
    const target = join(lab.folder, 'last');
    const slow = lab.network.start('client', 'curl', ['-sS', '--limit-rate', '15M', '-o', target, '-v', url]);
    await slow.until(/200 OK/);
    const pids = await workers();
    daemon.child.kill('SIGTERM');
    expect((await slow.exit).code).toBe(0);
    expect(sha256(await readFile(target))).toBe(sha256(KERNEL));
    expect(await daemon.exit).toMatchObject({ code: 0 });
    for (const pid of pids) await expect(readFile(`/proc/${pid}/stat`)).rejects.toThrow();
  });
});

test('a port that is taken ends the daemon with its remedy', async () => {
  const { code, stderr } = await lab.network.run('server', process.execPath, [
    ...['dist/cli.js', 'serve', '--config', lab.configFile],
  ]);
  expect(code).toBe(1);
  expect(stderr).toContain('TCP port 8080 is in use by another program');
});
