import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/artifacts/store/store.ts';
import type { VanishResult } from '../bench/vanish.ts';
import { TOP } from '../support/lab.ts';
import { Network } from '../support/network.ts';
import { must, type Running } from '../support/process.ts';
import type { Resources } from '../support/report-resources.ts';

const SIZE = 20_000_000;
const BASE = 'http://192.0.2.10:8080';
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('HTTP between two hosts', () => {
  const image = randomBytes(SIZE);
  let folder: string;
  let network: Network;
  let server: Running;

  const curl = (...args: string[]) => network.must('client', 'curl', ['-sS', '--fail', '--max-time', '120', ...args]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-wire-http-'));
    await mkdir(join(folder, 'artifacts'));
    await put('root.img', image);
    network = await Network.create();
    await network.addHost('server', '192.0.2.10/24');
    await network.addHost('client', '192.0.2.20/24');
    const program = join(import.meta.dirname, 'http-server.ts');
    const report = join(TOP, 'test/support/report-resources.ts');
    const args = [
      '--expose-gc',
      '--import',
      'tsx',
      '--import',
      report,
      program,
      join(folder, 'artifacts'),
      '192.0.2.10',
      '8080',
      'root.img',
    ];
    server = network.start('server', 'node', args);
    await server.until(/"event":"ready"/);
  });

  afterAll(async () => {
    await network?.destroy();
    await rm(folder, { recursive: true });
  });

  async function put(path: string, bytes: Uint8Array): Promise<void> {
    const file = join(folder, 'artifacts', path);
    await writeFile(file, bytes);
    const past = Date.now() / 1000 - 3600;
    await utimes(file, past, past);
  }

  it('curl resumes a broken download', async () => {
    const target = join(folder, 'resumed');
    for (const url of [`${BASE}/artifacts/root.img`, `${BASE}/blobs/sha256/${sha256(image)}/root.img`]) {
      await writeFile(target, image.subarray(0, 7_777_777));
      await curl('-C', '-', '-o', target, url);
      expect(sha256(await readFile(target))).toBe(sha256(image));
    }
  });

  it('64 parallel downloads each get every byte', async () => {
    const targets = Array.from({ length: 64 }, (_, i) => join(folder, `copy-${i}`));
    const url = `${BASE}/blobs/sha256/${sha256(image)}/root.img`;
    await curl('-Z', '--parallel-immediate', '--parallel-max', '64', ...targets.flatMap((file) => [url, '-o', file]));
    for (const file of targets) {
      expect(sha256(await readFile(file))).toBe(sha256(image));
      await rm(file);
    }
  });

  it('a slow download of a version that is replaced meanwhile gets that version', async () => {
    const target = join(folder, 'slow');
    const url = `${BASE}/blobs/sha256/${sha256(image)}/root.img`;
    const slow = curl('--limit-rate', '8M', '-o', target, url);
    await put('next.img', randomBytes(SIZE));
    await rename(join(folder, 'artifacts/next.img'), join(folder, 'artifacts/root.img'));
    await slow;
    expect(sha256(await readFile(target))).toBe(sha256(image));
  });

  it('clients that are killed leave no descriptor behind', async () => {
    // Else the client's system takes the whole file, and the server is done with it before all have come.
    const buffers = 'echo 4096 131072 1048576 > /proc/sys/net/ipv4/tcp_rmem';
    await network.must('client', 'sh', ['-c', buffers]);
    const url = `${BASE}/blobs/sha256/${sha256(image)}/root.img`;
    const clients = Array.from({ length: 30 }, () =>
      network.start('client', 'curl', ['-sS', '--limit-rate', '100k', '-o', '/dev/null', url]),
    );
    const open = async () => {
      const pid = server.child.pid;
      const links = await Promise.all(
        (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
      );
      return links.filter((link) => link.startsWith(folder)).length;
    };
    while ((await open()) < 30) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(clients.map((client) => client.stop('SIGKILL')));
    while ((await open()) > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('clients that vanish in the middle, hundreds of them, leave no descriptor, timer or buffer behind', async () => {
    const options = { address: '192.0.2.10', port: 8080, path: `/blobs/sha256/${sha256(image)}/root.img` };
    const vanish = async (rate: number): Promise<VanishResult> => {
      const program = join(TOP, 'test/bench/vanish.ts');
      const json = JSON.stringify({ ...options, rate, seconds: 3 });
      return JSON.parse(await network.must('client', 'node', ['--import', 'tsx', program, json]));
    };
    let asked = 0;
    const held = async (): Promise<Resources> => {
      server.child.kill('SIGUSR2');
      const [line] = await server.until(new RegExp(`.*"event":"resources","serial":${++asked},.*`));
      return JSON.parse(line);
    };
    await vanish(10);
    const before = await held();
    expect(await vanish(150)).toEqual({ served: 450, failed: 0 });
    // The last ones end a moment after their clients have.
    let after = await held();
    while (after.descriptors > before.descriptors || after.timers > before.timers) after = await held();
    expect(after.bytes - before.bytes).toBeLessThan(1 << 20);
  });

  it('a stop lets a running download finish and then ends the program', async () => {
    const target = join(folder, 'last');
    const slow = curl('--limit-rate', '10M', '-o', target, `${BASE}/blobs/sha256/${sha256(image)}/root.img`);
    while (!(await stat(target).catch(() => undefined))?.size) await new Promise((resolve) => setImmediate(resolve));
    server.child.kill('SIGTERM');
    await slow;
    expect(sha256(await readFile(target))).toBe(sha256(image));
    expect(await server.exit).toMatchObject({ code: 0 });
  });
});

describe('a read-only artifacts folder', () => {
  it('is served from the paths alone', async () => {
    const root = await mkdtemp(join(tmpdir(), 'slipway-wire-ro-'));
    await writeFile(join(root, 'a'), 'old');
    await utimes(join(root, 'a'), 1, 1);
    await must('mount', ['--bind', '-o', 'ro', root, root]);
    const events: string[] = [];
    try {
      const store = await openStore({
        root,
        record: ({ event }) => events.push(event),
        now: Date.now,
        monotonic: () => performance.now(),
        settleMs: 20,
      });
      const digest = sha256(Buffer.from('old'));
      expect(await store.pin('a')).toEqual({ ok: true, pin: { digest, size: 3 } });
      expect(events).toContain('artifact.unkept');
      const opened = await store.openBlob(digest);
      if (!opened.ok) throw new Error(opened.why);
      await opened.file.close();
      await must('umount', [root]);
      await writeFile(join(root, 'a'), 'new');
      expect(await store.openBlob(digest)).toMatchObject({ ok: false, reason: 'gone' });
      await store.close();
    } finally {
      await must('sh', ['-c', 'while mountpoint -q "$1"; do umount "$1"; done', 'sh', root]);
      await rm(root, { recursive: true });
    }
  });
});
