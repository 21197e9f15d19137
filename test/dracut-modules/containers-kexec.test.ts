import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { must } from '../support/process.ts';
import { startFlakyServer } from './server.ts';
import { folder, runLibrary, SHELLS } from './shell.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** What the server has, by the last part of its path. */
const FILES: Readonly<Record<string, string>> = { k: 'kernel', i: 'initrd', oci: 'archive!' };
const LINE = 'root=x slipway.report=http://192.0.2.1/report/secret quiet';

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  /**
   * The end of a pipeline, with a kexec that only notes what it was asked for. `answers`: statuses of the server before
   * the document. `digest`: that of the kernel. `log`: what kexec, reports and the restart were. `said`: the console.
   */
  async function end({ answers = [] as readonly (readonly [number, string])[], more = '', digest = sha256('kernel') }) {
    const left = [...answers];
    const server = await startFlakyServer((request, response) => {
      const name = request.url?.split('/').pop() ?? '';
      if (name !== 'kexec') return void response.end(FILES[name]);
      const [status, text] = left.shift() ?? [200, JSON.stringify(document)];
      response.statusCode = status;
      response.end(text);
    });
    onTestFinished(server.stop);
    const document = {
      kernel: { url: `${server.url}/k`, sha256: digest },
      initrds: [
        { url: `${server.url}/i`, sha256: null, path: null },
        { url: `${server.url}/oci`, sha256: sha256('archive!'), path: '/root.oci' },
      ],
      line: LINE,
      report: 'http://192.0.2.1/report/next',
    };
    const path = await folder();
    await mkdir(join(path, 'containers'));
    await writeFile(join(path, 'containers/document.json'), JSON.stringify({ end: { image: 'debian' } }));
    const script = `
      containers_run=$slipway_run/containers containers_document=$slipway_run/containers/document.json
      containers_base=${server.url}/containers/52-54-00-00-00-01/token
      containers_jq() { jq "$@" "$containers_document"; }
      . $slipway_parts/containers-log.sh; . $slipway_parts/containers-kexec.sh
      slipway_tell() { printf '%s\\n' "$*"; }
      note() { printf '%s\\n' "$*" >> "$slipway_run/log"; }
      slipway_report_url() { echo http://192.0.2.1/report/first; }
      slipway_report() { ! slipway_report_url > /dev/null || note "report $(slipway_report_url): $*"; }
      slipway_await_reports() { :; }
      sleep() { [ "$1" != 60 ] || note "sleeps $1"; }
      slipway_reboot() { note restarts; exit 7; }
      kexec() { note "kexec $*"; [ "$1" != -e ] || exit 0; }
      ${more}
      containers_kexec`;
    const { stdout, stderr, code } = await runLibrary(shell, path, script);
    const log = await readFile(join(path, 'log'), 'utf8').catch(() => '');
    const said = stdout.split('\n');
    return { path, said, stderr, code, log: log.trim().split('\n'), requests: server.requests };
  }

  test('the image starts with its line, its initrds behind each other', async () => {
    const { path, log, said, requests, code } = await end({});
    const load = `-l ${path}/memory/store/kernel --initrd=${path}/memory/store/next.img --command-line=${LINE}`;
    expect(log).toEqual([`kexec -s ${load}`, 'kexec -e']);
    expect(code).toBe(0);
    expect(requests[0]?.url).toBe('/file/containers/52-54-00-00-00-01/token/kexec');
    expect(said.join('\n')).toContain('starting debian: root=x slipway.report=http://192.0.2.1/report/...');
    const next = await readFile(join(path, 'memory/store/next.img'));
    expect(next.subarray(0, 8)).toEqual(Buffer.from('initrd\0\0'));
    expect(next.length % 4).toBe(0);
    await writeFile(join(path, 'cpio'), next.subarray(8));
    await mkdir(join(path, 'out'));
    await must('sh', ['-c', `cd ${path}/out && busybox cpio -i < ../cpio`]);
    expect(await readFile(join(path, 'out/root.oci'), 'utf8')).toBe('archive!');
  });

  test('the server is asked again while it cannot tell', async () => {
    const { log, requests } = await end({
      answers: [
        [503, 'not yet'],
        [429, 'too many'],
      ],
    });
    expect(log.at(-1)).toBe('kexec -e');
    expect(requests.filter(({ url }) => url?.endsWith('/kexec'))).toHaveLength(3);
  });

  test.each([
    [
      'what the server refuses',
      { answers: [[409, 'no such\u001b image']] },
      'no such? image (HTTP status 409)',
      'first: pipeline',
    ],
    [
      'a server that stays away',
      { answers: Array(20).fill([503, 'busy']) },
      'busy (HTTP status 503) (after',
      'first: pipeline',
    ],
    [
      'a kernel of another digest',
      { digest: 'f'.repeat(64) },
      `has the wrong SHA-256 digest: expected ${'f'.repeat(64)}, got`,
      'next: kernel',
    ],
    [
      'an initrd without kexec',
      { more: 'command() { return 1; }' },
      'this initrd has no program kexec',
      'first: pipeline',
    ],
    [
      'a kernel that is not loaded',
      { more: 'kexec() { note "kexec $*"; echo refused >&2; return 1; }' },
      'the kernel of debian cannot be loaded: refused',
      'next: kernel',
    ],
    [
      'a kernel that does not start',
      { more: 'kexec() { :; }' },
      'the kernel of debian was loaded and did not start',
      'next: kernel',
    ],
  ] as const)('%s ends in a restart', async (_, given, why, report) => {
    const { log, said, code } = await end(given as Parameters<typeof end>[0]);
    expect(said.find((line) => line.startsWith('What failed: '))).toContain(why);
    expect(log.filter((line) => line.startsWith('report'))).toEqual([
      expect.stringContaining(`report http://192.0.2.1/report/${report} failed `),
    ]);
    expect(log.slice(-2)).toEqual(['sleeps 60', 'restarts']);
    expect(code).toBe(7);
  });

  test('where the kernel is locked down, the remedy is a signature', async () => {
    const { said } = await end({
      more: `slipway_lockdown=$slipway_run/lockdown; echo 'none [integrity] confidentiality' > $slipway_lockdown
        kexec() { echo 'Operation not permitted' >&2; return 1; }`,
    });
    expect(said.join('\n')).toContain('sign the next one with a key that it trusts');
  });
});
