import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTokens } from '../../src/daemon/fleet/tokens/api-tokens.ts';
import type { BootEvent } from '../../src/model/event.ts';

let folder: string;
let file: string;
let events: BootEvent[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-tokens-'));
  file = join(folder, 'tokens');
  events = [];
});
afterEach(() => rm(folder, { recursive: true }));

const open = () =>
  openTokens(
    () => file,
    (event) => events.push(event),
  );

it('a file is made at the first start, for its owner alone, with a token for changes', async () => {
  const authorise = open();
  expect(await authorise('guessed-and-wrong-one')).toBeUndefined();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const [, token = ''] = /^admin write ([0-9a-f]{32})$/m.exec(await readFile(file, 'utf8')) ?? [];
  expect(await authorise(token)).toMatchObject({ name: 'admin', scope: 'write' });
  expect(events).toMatchObject([{ event: 'api.tokens', level: 'info', message: expect.stringContaining('made') }]);
});

it('a file of several tokens is read again when it changes', async () => {
  await writeFile(file, '# mine\nci read 0123456789abcdef\n\nops write fedcba9876543210\n', { mode: 0o600 });
  const authorise = open();
  expect(await authorise('0123456789abcdef')).toMatchObject({ name: 'ci', scope: 'read' });
  expect(await authorise('fedcba9876543210')).toMatchObject({ name: 'ops', scope: 'write' });
  await writeFile(file, 'ops write another-token-1234\nnonsense\n');
  expect(await authorise('fedcba9876543210')).toBeUndefined();
  expect(await authorise('another-token-1234')).toMatchObject({ name: 'ops' });
  expect(events.map(({ message }) => message)).toEqual([
    expect.stringContaining('tokens:2: expected a name, read or write'),
  ]);
});

it('a file that others may read counts for nothing', async () => {
  await writeFile(file, 'ops write fedcba9876543210\n', { mode: 0o644 });
  const authorise = open();
  expect(await authorise('fedcba9876543210')).toBeUndefined();
  expect(events).toMatchObject([{ level: 'warn', message: expect.stringContaining(`chmod 600 ${file}`) }]);
  await chmod(file, 0o600);
  expect(await authorise('fedcba9876543210')).toMatchObject({ name: 'ops' });
});
