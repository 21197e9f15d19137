import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Network } from '../support/network.ts';
import type { Finished, Running } from '../support/process.ts';
import { loseArriving, SERVER, startDaemon, tftpNetwork } from '../support/tftp-network.ts';

const MB = 1_000_000;
const SIZES = [0, 1, 511, 512, 513, 8192, 200_000, MB];
/** Enough for several losses in each download; clients that wait 5 s themselves make larger ones long. */
const LOSSY = 300_000;
const HUGE = 100 * MB;

const nameOf = (size: number): string => `size-${size}`;
const NPM_CLIENT = new URL('../support/npm-tftp-client.ts', import.meta.url).pathname;
const FLOOD = new URL('../support/udp-flood-tftp.ts', import.meta.url).pathname;

let folder: string;
let network: Network;
let daemon: Running;
const digests = new Map<string, string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-tftp-'));
  for (const size of [...SIZES, LOSSY, HUGE, 8 * 66_000]) {
    const content = randomBytes(size);
    digests.set(nameOf(size), sha256(content));
    await writeFile(join(folder, nameOf(size)), content);
  }
  await writeFile(join(folder, 'text'), 'one\ntwo\r\nthree\rfour\n');
  network = await tftpNetwork();
  daemon = await startDaemon(network, folder);
});

afterAll(async () => {
  await network.destroy();
  await rm(folder, { recursive: true });
});

afterEach(async () => {
  for (const host of ['server', 'client']) await loseArriving(network, host, 0);
});

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');
const on = (command: string, ...args: string[]): Promise<Finished> => network.run('client', command, args);

type Client = (name: string, local: string, blksize: number, windowsize: number) => Promise<Finished>;

const atftp: Client = (name, local, blksize, windowsize) => {
  const options = [`blksize ${blksize}`, `windowsize ${windowsize}`, 'tsize 0'].flatMap((option) => [
    '--option',
    option,
  ]);
  return on('atftp', ...options, '-g', '-r', name, '-l', local, SERVER);
};
/** It never repeats its first ACK: where that is lost twice, only a new request goes on. */
const RETRIES = ['--speed-limit', '1', '--speed-time', '15', '--retry', '3'];
const curl: Client = (name, local, blksize) =>
  on('curl', '-sS', ...RETRIES, '--tftp-blksize', String(blksize), '-o', local, `tftp://${SERVER}/${name}`);
const busybox: Client = (name, local, blksize) =>
  on('busybox', 'tftp', '-g', '-b', String(blksize), '-r', name, '-l', local, SERVER);
const tftpHpa: Client = (name, local) => on('tftp', '-m', 'binary', SERVER, '-c', 'get', name, local);
const npmTftp: Client = (name, local, blksize, windowsize) =>
  on(process.execPath, '--import', 'tsx', NPM_CLIENT, SERVER, name, local, String(blksize), String(windowsize));

/** Downloads a file and compares it. */
async function fetchAndCompare(client: Client, size: number, blksize: number, windowsize: number): Promise<void> {
  const local = join(folder, 'received');
  await rm(local, { force: true });
  const { code, stdout, stderr } = await client(nameOf(size), local, blksize, windowsize);
  expect(code, `${size} octets, blksize ${blksize}, window ${windowsize}: ${(stdout + stderr).slice(-500)}`).toBe(0);
  // An empty file is one that curl does not even create, in some versions.
  const content = await readFile(local).catch((error) => (size === 0 ? Buffer.alloc(0) : Promise.reject(error)));
  expect(sha256(content)).toBe(digests.get(nameOf(size)));
}

/** Sizes that take a client only so many blocks. */
const sizesFor = (blksize: number): readonly number[] => SIZES.filter((size) => size / blksize < 2500);

describe('every size arrives whole', () => {
  it.each([8, 512, 1468, 8192])('with curl, blocks of %i', async (blksize) => {
    for (const size of sizesFor(blksize)) await fetchAndCompare(curl, size, blksize, 1);
  });

  // busybox puts its request into a buffer of one block: this one holds it.
  it.each([128, 512, 1468, 8192])('with busybox, blocks of %i', async (blksize) => {
    for (const size of sizesFor(blksize)) await fetchAndCompare(busybox, size, blksize, 1);
  });

  it('with tftp-hpa', async () => {
    for (const size of SIZES) await fetchAndCompare(tftpHpa, size, 512, 1);
  });

  describe.each([1, 4, 16, 64])('with atftp, windows of %i', (windowsize) => {
    it.each([8, 512, 1468, 8192])('blocks of %i', async (blksize) => {
      for (const size of sizesFor(blksize)) await fetchAndCompare(atftp, size, blksize, windowsize);
    });
  });

  it.each([
    [512, 1],
    [1468, 4],
    [8192, 16],
  ])('with the npm package tftp, blocks of %i, windows of %i', async (blksize, windowsize) => {
    for (const size of [1, 512, 513, MB]) await fetchAndCompare(npmTftp, size, blksize, windowsize);
  });
});

it.each([1, 64])('block numbers start again after 65535, with atftp, windows of %i', (windowsize) =>
  fetchAndCompare(atftp, 8 * 66_000, 8, windowsize),
);

it.each([
  ['atftp', atftp, 1],
  ['atftp', atftp, 16],
  ['curl', curl, 1],
] as const)('100 MB arrive whole with %s', (_name, client, windowsize) =>
  fetchAndCompare(client, HUGE, 1468, windowsize),
);

it('mode netascii, which tftp-hpa asks for unless told otherwise, brings text and binaries across', async () => {
  const local = join(folder, 'received');
  for (const name of ['text', nameOf(200_000)]) {
    const { code } = await on('tftp', SERVER, '-c', 'get', name, local);
    expect(code).toBe(0);
    expect(await readFile(local)).toEqual(await readFile(join(folder, name)));
  }
});

describe.each([
  [1, 'client'],
  [5, 'client'],
  [1, 'server'],
  [5, 'server'],
] as const)('where %i %% of what goes to the %s is lost', (percent, host) => {
  it.each([1, 4, 16, 64])('a file arrives whole with atftp, windows of %i', async (windowsize) => {
    await loseArriving(network, host, percent);
    await fetchAndCompare(atftp, LOSSY, 1468, windowsize);
  });

  it.each([
    ['curl', curl],
    ['busybox', busybox],
    ['tftp-hpa', tftpHpa],
  ] as const)('a file arrives whole with %s', async (_name, client) => {
    await loseArriving(network, host, percent);
    await fetchAndCompare(client, LOSSY, 1468, 1);
  });
});

it('a file arrives whole where the server’s own system refuses to send one packet in twenty', async () => {
  await network.lose('server', 'udp', 5);
  for (const windowsize of [1, 16]) await fetchAndCompare(atftp, LOSSY, 1468, windowsize);
  await fetchAndCompare(curl, LOSSY, 1468, 1);
});

it('a missing file is an error at once with every client', async () => {
  const local = join(folder, 'received');
  for (const client of [atftp, curl, npmTftp]) expect((await client('nothing', local, 512, 1)).code).not.toBe(0);
  expect((await tftpHpa('nothing', local, 512, 1)).stdout).toContain('File not found');
  expect((await busybox('nothing', local, 512, 1)).stderr).toContain('File not found');
});

it('100,000 random and mutated packets do not disturb a download', async () => {
  const flood = network.start('client', process.execPath, ['--import', 'tsx', FLOOD, SERVER, '100000', nameOf(MB)]);
  let downloads = 0;
  let over = false;
  void flood.exit.then(() => {
    over = true;
  });
  for (; !over; downloads++) await fetchAndCompare(atftp, MB, 1468, 4);
  expect((await flood.exit).stdout).toContain('sent 100000');
  expect(downloads).toBeGreaterThan(0);
  await fetchAndCompare(curl, MB, 512, 1);
  expect(daemon.child.exitCode).toBeNull();
});
