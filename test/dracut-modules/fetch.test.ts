import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Behaviour, type FlakyServer, sendFile, startFlakyServer } from './server.ts';
import { runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function fetch(behave: Behaviour, before = '') {
    const server: FlakyServer = await startFlakyServer(behave);
    const { path, remove } = await scratch();
    cleanups.push(server.stop, remove);
    const finished = await runLibrary(
      shell,
      path,
      `${before}\nkeep() { cat > ${path}/out; }\nslipway_receive : ${server.url} '' keep`,
    );
    const read = (name: string) => readFile(join(path, name)).catch(() => Buffer.alloc(0));
    return {
      ...finished,
      url: server.url,
      requests: server.requests,
      file: await read('out'),
      failure: String(await read('failure')).trim(),
      remedy: String(await read('remedy')).trim(),
    };
  }
  const file = randomBytes(300_000);

  test('a file arrives whole', async () => {
    const result = await fetch((request, response) => sendFile(request, response, file));
    expect(result.code).toBe(0);
    expect(result.file.equals(file)).toBe(true);
    expect(result.requests).toHaveLength(1);
  });

  test('a broken transfer goes on where it stopped, and says what broke', async () => {
    const result = await fetch((request, response) => sendFile(request, response, file, { limit: 100_000 }));
    expect(result.code).toBe(0);
    expect(result.file.equals(file)).toBe(true);
    expect(result.requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
    expect(result.requests[1]?.headers['if-range']).toBe('"1"');
    expect(result.stderr).toMatch(/try 1 of 8 failed: curl: \(18\).*next try in 0 s, 97 kB are kept/);
  });

  test('a file that changes in between is fetched anew, never joined', async () => {
    const changed = randomBytes(300_000);
    const result = await fetch((request, response, n) =>
      n === 0
        ? sendFile(request, response, file, { limit: 100_000 })
        : sendFile(request, response, changed, { etag: '"2"' }),
    );
    expect(result.code).toBe(0);
    expect(result.file.equals(changed)).toBe(true);
  });

  test('a server without ranges is asked for the whole file again', async () => {
    const result = await fetch((request, response, n) =>
      sendFile(request, response, file, n === 0 ? { ranges: false, limit: 100_000 } : { ranges: false }),
    );
    expect(result.code).toBe(0);
    expect(result.file.equals(file)).toBe(true);
  });

  test('a busy server gets another try', async () => {
    const result = await fetch((request, response, n) =>
      n < 2 ? void response.writeHead(503).end() : sendFile(request, response, file),
    );
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/try 1 of 8 failed:.*503/);
    expect(result.stderr).toMatch(/try 2 of 8 failed:.*503/);
  });

  test.each([
    ['3', 'next try in 3 s'],
    ['999', 'next try in 5 s'],
    ['Fri, 20 Nov 2026 00:00:00 GMT', 'next try in 0 s'],
    ['-1; reboot', 'next try in 0 s'],
  ])('a server that asks for a pause of %s is left alone for that long, within bounds', async (pause, said) => {
    const result = await fetch(
      (request, response, n) =>
        n === 0 ? void response.writeHead(503, { 'retry-after': pause }).end() : sendFile(request, response, file),
      'slipway_patience=5; sleep() { :; }',
    );
    expect(result.code).toBe(0);
    expect(result.stderr).toContain(said);
  });

  test('a file that is not there ends in a reason and a remedy after a bounded number of tries', async () => {
    const result = await fetch((_, response) => void response.writeHead(404).end(), 'slipway_tries=3');
    expect(result.code).toBe(1);
    expect(result.requests).toHaveLength(3);
    expect(result.failure).toContain(`${result.url}: curl: (22) The requested URL returned error: 404`);
    expect(result.failure).toContain('(after 3 tries)');
    expect(result.remedy).toContain('Check that the server has this file');
  });

  test('a server that is down ends in a reason and a remedy', async () => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    const { code } = await runLibrary(shell, path, `slipway_tries=2; slipway_receive : http://127.0.0.1:1/file '' cat`);
    expect(code).toBe(1);
    expect(String(await readFile(join(path, 'failure')))).toMatch(/curl: \(7\) Failed to connect to 127.0.0.1/);
    expect(String(await readFile(join(path, 'remedy')))).toContain('Check that the server runs');
  });

  test('a redirect to a local file is refused', async () => {
    const result = await fetch(
      (_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      'slipway_tries=1',
    );
    expect(result.code).toBe(1);
    expect(result.file.length).toBe(0);
  });
});
