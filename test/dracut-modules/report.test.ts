import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Arrived, type ReportServer, startReportServer } from './report-server.ts';
import { sendFile, startFlakyServer } from './server.ts';
import { runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function startServer(answer?: (response: ServerResponse, n: number) => void): Promise<ReportServer> {
  const server = await startReportServer(answer);
  cleanups.push(server.stop);
  return server;
}

/** The stage and what happened, of each report. */
const steps = (arrived: readonly Arrived[]) => arrived.map(({ fields }) => `${fields.stage} ${fields.happening}`);

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function runWith(url: string, script: string) {
    const { path, remove } = await scratch();
    cleanups.unshift(remove);
    const argument = url && `getarg() { [ "$1" = slipway.report= ] && printf '%s\\n' '${url}'; }`;
    return { path, ...(await runLibrary(shell, path, `${argument}\n${script}`)) };
  }

  test('reports arrive in their order, with the time since the kernel started', async () => {
    const server = await startServer();
    const script = 'for n in 1 2 3 4 5 6 7 8 9 10; do slipway_report root progress "$n"; done';
    const { code, stdout, stderr } = await runWith(server.url, script);
    expect([code, stdout, stderr]).toEqual([0, '', '']);
    const arrived = await server.until(10);
    expect(arrived.map(({ fields }) => fields.message)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
    expect(arrived[0]?.path).toBe(`/report/${'0a'.repeat(16)}`);
    expect(arrived[0]?.fields.uptime).toMatch(/^\d+\.\d\d$/);
  });

  test('a text arrives as it is, whatever is in it', async () => {
    const server = await startServer();
    const text = `it's "quoted" $(id) \`id\` \\n %41 a+b&c=d;e @/etc/passwd -- größer 💾\ttab\nline`;
    await runWith(
      server.url,
      `slipway_report root failed "$(cat << 'END'\n${text}\nEND\n)" "log=@x${'=&\n'.repeat(9)}y"`,
    );
    const [report] = await server.until(1);
    expect(report?.fields).toMatchObject({ stage: 'root', happening: 'failed', message: text });
    expect(report?.fields.log).toBe(`@x${'=&\n'.repeat(9)}y`);
  });

  test('passwords, names and the token stay here, and long texts are cut', async () => {
    const server = await startServer();
    const log = `log=slipway.report=${server.url} quiet`;
    await runWith(
      server.url,
      `slipway_report root begun 'http://me:word@192.0.2.1/x@y' "${log}"
      long=$(printf '%9000s' end)
      slipway_report root failed "begin $long" "log=begin $long"`,
    );
    const [first, second] = await server.until(2);
    expect(first?.fields.message).toBe('http://192.0.2.1/x@y');
    expect(first?.fields.log).toMatch(/^slipway\.report=http:\/\/127\.0\.0\.1:\d+\/report\/\.\.\. quiet$/);
    expect(second?.fields.message).toMatch(/^begin /);
    expect(second?.fields.message).toHaveLength(1000);
    expect(second?.fields.log).toHaveLength(4000);
    expect(second?.fields.log).toMatch(/end$/);
  });

  test('a server that does not answer delays nothing, and holds nothing open', async () => {
    const held: ServerResponse[] = [];
    const server = await startServer((response) => held.push(response));
    // It ends, and its output too, though no report was answered.
    const script = 'slipway_report network done up; slipway_report root begun x; echo went on';
    const { stdout, code } = await runWith(server.url, script);
    expect([code, stdout]).toEqual([0, 'went on\n']);
    await server.until(1);
    expect(steps(server.arrived)).toEqual(['network done']);
    held[0]?.writeHead(204).end();
    expect(steps(await server.until(2))).toEqual(['network done', 'root begun']);
  });

  test('a server that is away fails nothing, and nothing is kept for it', async () => {
    const server = await startReportServer();
    await server.stop();
    const script =
      'slipway_report root begun x && slipway_report root begun y && slipway_await_reports; echo "went on"';
    const { stdout, stderr, path } = await runWith(server.url, script);
    expect([stdout, stderr]).toEqual(['went on\n', '']);
    expect((await readdir(join(path, 'reports'))).filter((name) => name !== 'lock').sort()).toEqual(['queue', 'stage']);
  });

  test('a refused report is not sent again, and the next one is', async () => {
    const server = await startServer((response) => response.writeHead(404).end());
    await runWith(server.url, 'slipway_report root begun x; slipway_report unpack begun y; slipway_await_reports');
    expect(steps(server.arrived)).toEqual(['root begun', 'unpack begun']);
  });

  test('what waits for the reports goes on when all were sent', async () => {
    const server = await startServer();
    const script = 'for n in 1 2 3; do slipway_report root progress "$n"; done; slipway_await_reports';
    const { path } = await runWith(server.url, script);
    expect(server.arrived).toHaveLength(3);
    expect(await readdir(join(path, 'reports'))).not.toContain('1');
  });

  test.each([
    ['nothing', ''],
    ['another path', 'http://127.0.0.1:1/other'],
    ['another protocol', 'file:///report/x'],
    ['what a unit would take for something else', 'http://127.0.0.1:1/report/%%n'],
    ['a blank', 'http://127.0.0.1:1/report/x y'],
  ])('%s in slipway.report= means no reports', async (_, url) => {
    const script = `curl() { echo called >&2; }; mkdir -p $slipway_run/systemd/system
      slipway_report root begun x; slipway_report_failure; slipway_report_up $slipway_run; slipway_await_reports`;
    const { path, code, stderr } = await runWith(url, script);
    expect([code, stderr]).toEqual([0, '']);
    expect(await readdir(path)).not.toContain('reports');
    expect(await readdir(join(path, 'systemd/system'))).toEqual([]);
  });

  test('a download reports its progress, its end and its digest', async () => {
    const file = randomBytes(100_000);
    const reports = await startServer();
    const server = await startFlakyServer(async (_, response) => {
      response.setHeader('content-length', file.length);
      response.write(file.subarray(0, 40_000));
      await reports.until(1);
      response.end(file.subarray(40_000));
    });
    cleanups.push(server.stop);
    const digest = createHash('sha256').update(file).digest('hex');
    const script = `sleep() { command sleep 0.01; }
      slipway_receive : ${server.url} ${digest} cat > /dev/null; slipway_report root progress end`;
    await runWith(reports.url, script);
    while (reports.arrived.at(-1)?.fields.message !== 'end') await reports.until(reports.arrived.length + 1);
    const [first] = reports.arrived;
    expect(first?.fields).toMatchObject({ stage: 'root', happening: 'progress', length: '100000' });
    expect(Number(first?.fields.bytes)).toBeLessThanOrEqual(100_000);
    const [fetched, verified] = reports.arrived.slice(-3);
    expect(fetched?.fields).toMatchObject({ stage: 'root', happening: 'done', bytes: '100000' });
    expect(verified?.fields).toMatchObject({ stage: 'verify', happening: 'done' });
    expect(verified?.fields.message).toContain(digest);
  });

  test('a wrong digest is reported each time that it is found', async () => {
    const file = randomBytes(1000);
    const reports = await startServer();
    const server = await startFlakyServer((request, response) => sendFile(request, response, file));
    cleanups.push(server.stop);
    const script = `slipway_receive : ${server.url} ${'0'.repeat(64)} cat > /dev/null; slipway_report_failure`;
    await runWith(reports.url, `dmesg() { echo 'the log'; }; ${script}`);
    const arrived = await reports.until(5);
    expect(steps(arrived)).toEqual([
      'root done',
      'verify failed',
      'root done',
      'verify failed',
      // That there is no root at all.
      'verify failed',
    ]);
    expect(arrived[4]?.fields.message).toMatch(/wrong SHA-256 digest: expected 0+, got .*\. The server announced/);
    expect(arrived[4]?.fields.log).toBe('the log');
  });

  test('a failure is reported with the last lines of the log, of the network where nothing else was reported', async () => {
    const server = await startServer();
    const script = `slipway_failed 'no route' 'Check the cable.'; slipway_journal=1 i=0
      journalctl() { echo "journal $*"; }
      slipway_report_failure`;
    await runWith(server.url, script);
    const [report] = await server.until(1);
    const { stage, happening, message, log } = report?.fields ?? {};
    expect([stage, happening, message]).toEqual(['network', 'failed', 'no route. Check the cable.']);
    expect(log).toMatch(/^journal .*-n 40/);
  });

  test('unpacking is reported once for all layers', async () => {
    const server = await startServer();
    const unpack = `tar -c -C ${import.meta.dirname} report.test.ts | slipway_unpack $slipway_root`;
    await runWith(server.url, `slipway_make_tools() { false; }; ${unpack}; ${unpack}; slipway_await_reports`);
    expect(steps(server.arrived)).toEqual(['unpack begun']);
  });

  test('the system gets a unit that reports when it is up', async () => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    const units = join(path, 'systemd/system');
    await mkdir(units, { recursive: true });
    const url = `http://[2001:db8::1]:8080/report/${'0a'.repeat(16)}`;
    await runWith(url, `slipway_report_up ${path}`);
    const wanted = await readFile(join(units, 'multi-user.target.wants/slipway-up.service'), 'utf8');
    expect(wanted).toContain(`\nExecStart=/bin/sh ${path}/slipway-up ${url}\n`);
    expect(await readFile(join(path, 'slipway-up'), 'utf8')).toMatch(/^#!\/bin\/sh\n/);
  });
});
