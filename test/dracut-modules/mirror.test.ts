import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testVolume } from '../support/volume.ts';
import { startFlakyServer } from './server.ts';
import { folder, SHELLS } from './shell.ts';

// Whatever the server and the store say, and whatever containers leave in a volume: nothing outside it is touched.

interface Answers {
  /** Of the server. */
  readonly files?: unknown;
  readonly changes?: unknown;
  /** Of the store, to everything. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function volume(answers: Answers) {
    const server = await startFlakyServer((request, response) => {
      const { url = '', method } = request;
      request.resume();
      if (!url.includes('/volumes/')) return void response.writeHead(200, answers.headers).end(answers.body ?? 'x');
      const text = (value: unknown) => JSON.stringify(value).replaceAll('STORE', origin);
      response.end(method === 'GET' ? text({ files: answers.files }) : text(answers.changes));
    });
    onTestFinished(server.stop);
    const origin = new URL(server.url).origin;
    const made = await testVolume(shell, `${origin}/file`, { pull: ['start'], push: ['end'] });
    const paths = () => server.requests.map(({ method, url }) => `${method} ${url}`);
    return { ...made, paths, failure: () => readFile(join(made.top, 'failure'), 'utf8') };
  }
  const file = (path: unknown, more: object = {}) => ({ path, size: 1, etag: '"e"', url: 'STORE/good', ...more });
  const PULL = 'mirror_pull v start $V';

  test('paths that lead elsewhere, and what is no URL of a web server, are left out', async () => {
    const paths = [
      '../up',
      '/tmp/abs',
      'a/../../up',
      'a//b',
      './c',
      'line\nbreak',
      'tab\tx',
      '',
      7,
      null,
      'x'.repeat(1025),
    ];
    const { sh, directory, top } = await volume({
      files: [
        ...paths.map((path) => file(path)),
        file('local', { url: 'file:///etc/passwd' }),
        file('option', { url: '-o/tmp/x' }),
        file('two', { url: 'STORE/good\n-o x' }),
        file('big', { size: '1' }),
        file('good'),
      ],
    });
    expect((await sh(PULL)).code).toBe(0);
    expect(await readdir(directory)).toEqual(['good']);
    expect((await readdir(join(top, 'volumes'))).sort()).toEqual([
      '.v.mirror',
      '.v.mirror.aside',
      '.v.mirror.pending',
      'v',
    ]);
  });

  test('nothing is written or removed through links that a container left', async () => {
    const outside = await folder();
    await writeFile(join(outside, 'x'), 'mine');
    const { sh, directory, failure } = await volume({ files: [file('link/x'), file('x')] });
    const { code } = await sh(`ln -s ${outside} $V/link; ln -s ${outside}/x $V/x; slipway_tries=1; ${PULL}`);
    expect(code).toBe(1);
    expect(await failure()).toMatch(/^volume v: link\/x: it cannot be written here/);
    expect(await readFile(join(outside, 'x'), 'utf8')).toBe('mine');
    expect((await lstat(join(directory, 'x'))).isFile()).toBe(true);
    expect(await readdir(outside)).toEqual(['x']);
    await sh('mirror_begin v $V; echo link/x > "$mirror_work/gone"; mirror_remove');
    expect(await readdir(outside)).toEqual(['x']);
  });

  test('nothing is brought that is a link by now, or lies behind one', async () => {
    const outside = await folder();
    await writeFile(join(outside, 'secret'), 'mine');
    const { sh, paths } = await volume({});
    const { code } = await sh(`ln -s ${outside} $V/link; ln -s ${outside}/secret $V/secret; mirror_begin v $V
      for path in link/secret secret missing; do mirror_put_one "\${containers_base%/file}/x" stamp $path ''; done`);
    expect([code, paths()]).toEqual([0, []]);
  });

  test('a file of another size than was said is not taken', async () => {
    const { sh, directory, failure } = await volume({ files: [file('f', { size: 3 })], body: 'longer than three' });
    expect((await sh(PULL)).code).toBe(1);
    expect(await readdir(directory)).toEqual([]);
    expect(await failure()).toMatch(/^volume v: f: it changed in the store/);
  });

  test.each([
    ['35309', 0o755],
    ['33184', 0o640],
    ['08', 0o644],
    ['0x1ff', 0o644],
    ['16895', 0o644],
    ['$(reboot)', 0o644],
    ['', 0o644],
  ])('a mode of %s is taken for what it may be', async (mode, expected) => {
    const headers = { 'x-amz-meta-mode': mode, 'x-amz-meta-uid': '$(id)', 'x-amz-meta-mtime': '1500000000.25' };
    const { sh, directory } = await volume({ files: [file('f')], headers });
    expect((await sh(PULL)).code).toBe(0);
    const { mode: found, uid, mtimeMs } = await lstat(join(directory, 'f'));
    expect([found & 0o7777, uid, mtimeMs]).toEqual([expected, process.getuid?.(), 1_500_000_000_000]);
  });

  test.each([['nonsense'], [{ a: 1 }], [[1, 'x']]])('an answer of %j ends in a reason', async (files) => {
    const { sh, failure } = await volume({ files });
    expect((await sh(`slipway_tries=1; ${PULL}`)).code).toBe(1);
    expect(await failure()).toBe("volume v: the server's answer about the store cannot be read (after 1 tries)\n");
  });

  test('only files that were asked about are brought, with headers that are some', async () => {
    const put = (path: string, more: object = {}) => ({ path, url: `STORE/${path}`, headers: {}, ...more });
    const { sh, paths } = await volume({
      changes: {
        put: [put('a', { headers: { ok: 'fine', bad: 'x\r\ny: z' } }), put('../b'), put('c', { url: 'file:///x' })],
      },
    });
    const { code, stderr } = await sh('echo a > $V/a; echo c > $V/c; mirror_push v end $V');
    expect([code, paths()]).toEqual([0, ['POST /file/volumes/v', 'PUT /a']]);
    expect(stderr).toContain('some files have names that are too long for its store');
  });

  test('a volume in memory, and one that is mounted for itself, leave nothing beside them', async () => {
    const { top, sh } = await volume({ files: [file('f')] });
    const mounted = `mount -t tmpfs none $V && ${PULL} && [ -f $V/f ]`;
    expect((await sh(mounted)).code).toBe(0);
    expect((await readdir(join(top, 'volumes'))).sort()).toEqual(['.v.mirror', '.v.mirror.pending', 'v']);
  });
});
