import { mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Behaviour, type FlakyServer, startFlakyServer } from './server.ts';
import { runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const TOKEN = 'ab'.repeat(16);
const documents: Behaviour = ({ url = '' }, response) => {
  const name = url.replace(/.*\//, '');
  if (name === 'network-config') response.writeHead(404).end('none');
  else response.end(`${name} of it\n`);
};

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function place(behave: Behaviour, prepare: (root: string) => Promise<unknown> = async () => {}) {
    const server: FlakyServer = await startFlakyServer(behave);
    const { path, remove } = await scratch();
    cleanups.push(server.stop, remove);
    // A root of its own: the library makes its memory anew.
    const root = join(path, 'tree');
    await mkdir(root);
    await prepare(root);
    const url = `${new URL(server.url).origin}/configuration/${TOKEN}/`;
    const script = `getarg() { [ "$1" = slipway.seed= ] && printf '%s\\n' '${url}'; }
      slipway_tries=3
      slipway_report() { printf 'report %s %s %s\\n' "$1" "$2" "$3"; }
      slipway_place_seed ${root}; echo "went on"; slipway_drop_tools`;
    return { root, server, ...(await runLibrary(shell, path, script)) };
  }

  test('places what there is, for root alone', async () => {
    const { root, stdout, stderr } = await place(documents);
    const seed = join(root, 'var/lib/cloud/seed/nocloud');
    expect([stdout, stderr]).toEqual(['went on\n', 'the configuration is placed in the root\n']);
    expect((await readdir(seed)).sort()).toEqual(['meta-data', 'user-data', 'vendor-data']);
    expect(await readFile(join(seed, 'user-data'), 'utf8')).toBe('user-data of it\n');
    expect((await stat(join(seed, 'user-data'))).mode & 0o777).toBe(0o600);
    expect((await stat(seed)).mode & 0o777).toBe(0o700);
    expect(await readdir(root)).toEqual(['var']);
  });

  test('tries again, and goes on without where that does not help; no token is said', async () => {
    const twice = await place((request, response, n) =>
      n === 0 ? response.writeHead(503).end() : documents(request, response, n),
    );
    expect(twice.stdout).toBe('went on\n');
    expect(await readdir(join(twice.root, 'var/lib/cloud/seed/nocloud'))).toContain('meta-data');
    const never = await place(({ url = '' }, response) =>
      url.endsWith('user-data') ? response.writeHead(503).end() : response.end('x'),
    );
    expect(never.stdout).toMatch(
      /^report configuration failed the configuration's user-data: .* \(after 3 tries\)\nwent on\n$/,
    );
    expect(never.stdout + never.stderr).not.toContain(TOKEN);
    expect(await readdir(join(never.root, 'var/lib/cloud/seed'))).toEqual([]);
  });

  test('follows links inside the root, and none out of it', async () => {
    const { root, stdout } = await place(documents, async (tree) => {
      await mkdir(join(tree, 'data/cloud'), { recursive: true });
      await mkdir(join(tree, 'var/lib'), { recursive: true });
      await symlink('/data/cloud', join(tree, 'var/lib/cloud'));
    });
    expect(stdout).toBe('went on\n');
    expect(await readdir(join(root, 'data/cloud/seed/nocloud'))).toContain('user-data');
  });
});
