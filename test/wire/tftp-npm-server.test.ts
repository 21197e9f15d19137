import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Network } from '../support/network.ts';
import type { Finished } from '../support/process.ts';
import { loseArriving, SERVER, startDaemon, tftpNetwork } from '../support/tftp-network.ts';

/*
 * Why this project has a TFTP server of its own: what the server of the npm package `tftp` 0.1.2 does with these cases,
 * and what this one does.
 */
const NPM_DAEMON = new URL('../support/npm-tftp-daemon.ts', import.meta.url).pathname;

let folder: string;

async function npmServer(network: Network): Promise<void> {
  const args = ['--import', 'tsx', NPM_DAEMON, SERVER, '69', folder];
  await network.start('server', process.execPath, args).until(/ready/);
}

async function own(network: Network): Promise<void> {
  await startDaemon(network, folder);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-tftp-'));
  await writeFile(join(folder, 'empty'), '');
  await writeFile(join(folder, '1MB'), randomBytes(1_000_000));
});

afterAll(() => rm(folder, { recursive: true }));

describe.each([
  ['the npm package', npmServer, false],
  ['this project', own, true],
] as const)('with the server of %s', (_name, start, works) => {
  let network: Network;
  beforeAll(async () => {
    network = await tftpNetwork();
    await start(network);
  });
  afterAll(() => network.destroy());

  const atftp = (window: number): Promise<Finished> => {
    const options = ['--option', 'blksize 1468', '--option', `windowsize ${window}`];
    const args = [...options, '-g', '-r', '1MB', '-l', '/dev/null', SERVER];
    return network.run('client', 'timeout', ['12', 'atftp', ...args]);
  };
  const result = works ? 'succeeds' : 'fails';

  it(`an empty file with curl ${result}`, async () => {
    const { code } = await network.run('client', 'curl', ['-sS', '-o', '/dev/null', `tftp://${SERVER}/empty`]);
    expect(code === 0).toBe(works);
  });

  it.each([1, 16])(
    `a megabyte within 12 s, windows of %i, where one packet in twenty is lost ${result}`,
    async (window) => {
      await loseArriving(network, 'client', 5);
      const { code } = await atftp(window);
      await loseArriving(network, 'client', 0);
      expect(code === 0).toBe(works);
    },
  );
});
