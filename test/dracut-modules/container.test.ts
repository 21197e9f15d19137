import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { type Member, ociArchive, tar } from './archives.ts';
import { type Behaviour, sendFile, startFlakyServer } from './server.ts';
import { MODULES, runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  const content = randomBytes(100_000).toString('hex');
  const archive = tar([{ name: './etc/' }, { name: './etc/motd', content }]);
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const digest = sha256(archive);

  async function make(behave: Behaviour, sha256 = '') {
    const server = await startFlakyServer(behave);
    const { path, remove } = await scratch();
    cleanups.push(server.stop, remove);
    const finished = await runLibrary(
      shell,
      path,
      `. ${MODULES}/90container-root/container-root.sh
      slipway_tries=3 slipway_sha256='${sha256}' slipway_source=${server.url}
      slipway_check_root() { :; }
      slipway_make_root || { slipway_drop_memory; exit 1; }`,
    );
    return {
      ...finished,
      requests: server.requests,
      root: join(path, 'memory/root'),
      failure: (await readFile(join(path, 'failure'), 'utf8').catch(() => '')).trim(),
      remedy: await readFile(join(path, 'remedy'), 'utf8').catch(() => ''),
    };
  }

  test('a method has what it does at the end, and not what a method before it does', async () => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    await writeFile(join(path, '1.sh'), 'slipway_claim() { [ "$wanted" = 1 ]; }; slipway_pivot() { echo first; }');
    await writeFile(join(path, '2.sh'), 'slipway_claim() { [ "$wanted" = 2 ]; }');
    const script = `slipway_methods=${path}
      for wanted in 1 2; do slipway_find_method && echo "$wanted: $(slipway_pivot)"; done`;
    expect((await runLibrary(shell, path, script)).stdout).toBe('1: first\n2: \n');
  });

  test('a tar archive becomes the root while it arrives', async () => {
    const result = await make((request, response) => sendFile(request, response, archive), digest);
    expect(result.code).toBe(0);
    expect(await readFile(join(result.root, 'etc/motd'), 'utf8')).toBe(content);
  });

  test('a broken stream goes on where it broke', async () => {
    const result = await make((request, response, n) =>
      sendFile(request, response, archive, n === 0 ? { limit: 50_000 } : {}),
    );
    expect(result.code).toBe(0);
    expect(result.requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=50000-']);
    expect(result.stderr).toMatch(/try 1 of 3 failed: curl: \(18\)/);
    expect(await readFile(join(result.root, 'etc/motd'), 'utf8')).toBe(content);
  });

  test('a broken stream from a server without ranges begins again, with an empty tree', async () => {
    const result = await make((request, response, n) =>
      sendFile(request, response, archive, n === 0 ? { ranges: false, limit: 50_000 } : { ranges: false }),
    );
    expect(result.code).toBe(0);
    expect(result.requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=50000-', undefined]);
    expect(await readFile(join(result.root, 'etc/motd'), 'utf8')).toBe(content);
  });

  test.each(['', './'])(
    'an OCI archive, its members called %sindex.json and so on, is known by its content',
    async (prefix) => {
      const layers = [
        [{ name: 'etc/' }, { name: 'etc/motd', content: 'below' }],
        [{ name: 'etc/motd', content: 'above' }],
      ];
      const oci = ociArchive(layers, { prefix });
      const result = await make((request, response) => sendFile(request, response, oci));
      expect(result.failure).toBe('');
      expect(await readFile(join(result.root, 'etc/motd'), 'utf8')).toBe('above');
    },
  );

  const oci = ociArchive([[{ name: 'etc/' }, { name: 'etc/motd', content }]]);
  test.each([
    ['gzip', 'gzip -c', oci],
    ['zstd', 'zstd -q', oci],
    ['pzstd', 'pzstd -q -c', oci],
    ['xz', 'xz -c', oci],
    ['gzip', 'gzip -c', archive],
  ])('an archive compressed by %s as a whole is unpacked', async (_, command, bytes) => {
    const whole = execFileSync('sh', ['-c', command], { input: bytes });
    const result = await make((request, response) => sendFile(request, response, whole), sha256(whole));
    expect(result.failure).toBe('');
    expect(await readFile(join(result.root, 'etc/motd'), 'utf8')).toBe(content);
  });

  test('an OCI archive compressed as a whole and cut short is refused', async () => {
    const whole = execFileSync('gzip', ['-c'], { input: oci });
    const result = await make((request, response) => sendFile(request, response, whole.subarray(0, -5000)));
    expect(result.code).toBe(1);
    expect(result.failure).toContain('the archive cannot be unpacked: ');
  });

  const id = 'ab'.repeat(32);
  const manifest = { name: 'manifest.json', content: '[]' };
  const config = { name: `${'cd'.repeat(32)}.json`, content: '{}' };
  const layer = { name: `${id}/layer.tar`, content };
  test.each<readonly [string, readonly Member[]]>([
    [
      'docker before version 25',
      [{ name: `${id}/` }, { name: `${id}/VERSION`, content: '1.0' }, layer, config, manifest],
    ],
    [
      'docker, its layers links',
      [{ name: `${id}/` }, { name: `${id}/layer.tar`, link: '../x/layer.tar' }, config, manifest],
    ],
    [
      'podman and skopeo',
      [
        { name: `${id}.tar`, content },
        config,
        { name: `${id}/` },
        { name: `${id}/layer.tar`, link: `../${id}.tar` },
        manifest,
      ],
    ],
    ['names that are no digests', [{ name: 'aaaa/' }, { name: 'aaaa/layer.tar', content }, config, manifest]],
    ['one unpacked and packed again', [{ name: './' }, { name: './manifest.json', content: '[]' }, layer, config]],
  ])('an archive of %s is named as such, with what to do', async (_, members) => {
    for (const bytes of [tar(members), gzipSync(tar(members))]) {
      const result = await make((request, response) => sendFile(request, response, bytes));
      expect(result.code).toBe(1);
      expect(result.requests).toHaveLength(1);
      expect(result.failure).toContain('is an archive of "docker save" or "podman save", not an OCI archive');
      expect(result.remedy).toContain('skopeo copy docker-archive:');
      // bootc-live says the same.
      const { path, remove } = await scratch();
      cleanups.push(remove);
      await writeFile(join(path, 'in'), bytes);
      await runLibrary(shell, path, `oci_receive $slipway_root < ${path}/in`);
      expect((await readFile(join(path, 'failure'), 'utf8')).slice(4)).toContain('is an archive of "docker save"');
    }
  });

  test.each(['oci', 'docker'])('an archive (%s) whose first header is one of POSIX pax is known too', async (kind) => {
    const rest = kind === 'oci' ? ociArchive([[{ name: 'etc/' }]], { inOrder: true }) : tar([manifest, layer]);
    const pax = tar([{ name: 'PaxHeaders/x', content: '30 mtime=1700000000.123456789\n' }]).subarray(0, 1024);
    pax.write('x', 156);
    const result = await make((request, response) => sendFile(request, response, Buffer.concat([pax, rest])));
    if (kind === 'oci') expect(result.failure).toBe('');
    else expect(result.failure).toContain('docker save');
    expect(existsSync(join(result.root, 'index.json'))).toBe(false);
  });

  test('a root file system whose first file holds a digest is no image', async () => {
    const bytes = tar([{ name: 'sum', content: id }, { name: 'etc/' }, { name: 'etc/motd', content }]);
    const result = await make((request, response) => sendFile(request, response, bytes));
    expect(result.failure).toBe('');
  });

  test('a stream that always breaks leaves nothing behind', async () => {
    const result = await make((request, response) => sendFile(request, response, archive, { limit: 5_000 }));
    expect(result.code).toBe(1);
    expect(result.requests).toHaveLength(3);
    expect(existsSync(result.root)).toBe(false);
    expect(result.failure).toContain('curl: (18)');
  });

  test('the wrong bytes are refused with both digests and leave nothing behind', async () => {
    const flipped = Buffer.from(archive);
    flipped[100_000] = (flipped[100_000] ?? 0) ^ 1;
    const got = createHash('sha256').update(flipped).digest('hex');
    const result = await make((request, response) => sendFile(request, response, flipped), digest);
    expect(result.code).toBe(1);
    expect(result.requests).toHaveLength(2);
    expect(result.failure).toContain(`wrong SHA-256 digest: expected ${digest}, got ${got}`);
    expect(existsSync(result.root)).toBe(false);
  });

  test('a file that is whole but no archive is refused at once', async () => {
    const result = await make((request, response) => sendFile(request, response, Buffer.from('<html>'.repeat(500))));
    expect(result.code).toBe(1);
    expect(result.requests).toHaveLength(1);
    expect(result.failure).toContain('the archive cannot be unpacked');
  });
});
