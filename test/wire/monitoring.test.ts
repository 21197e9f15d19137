import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createServingLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { must, type Running } from '../support/process.ts';

const KEY = 'a key of more than sixteen bytes';
const URL = `http://${SERVER_ADDRESS}:8080`;
const MACHINES = Array.from({ length: 10 }, (_, n) => `52:54:00:00:00:${(n + 16).toString(16)}`);
const CONFIG = `
server: { interface: eth0, http: { workers: 2 }, metrics: { nodes: true } }
images: { debian: { kernel: k, initrd: i, root: { method: image, source: r } } }
nodes:
${MACHINES.map((mac, n) => `  n${n}: { mac: "${mac}", image: debian }`).join('\n')}
webhooks:
  ops: { url: "http://127.0.0.1:9900/hook", events: [boot.began, boot.up, config.refused], secret: !secret file:key }
traces: { url: "http://127.0.0.1:9900", headers: [{ name: authorization, value: !secret file:token }] }
`;
const PROMETHEUS = `
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${join(TOP, 'contrib/alert-rules.yml')}]
scrape_configs:
  - job_name: slipway
    static_configs: [{ targets: ["${SERVER_ADDRESS}:8080"] }]
`;

let lab: Lab;
let daemon: Running;
let receiver: Running;

beforeAll(async () => {
  const files = {
    k: Buffer.alloc(50_000, 'k'),
    i: Buffer.alloc(60_000, 'i'),
    r: Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(100_000, 'r')]),
  };
  ({ lab, daemon } = await createServingLab('server: { interface: eth0 }\n', files));
  await daemon.stop();
  await writeFile(join(lab.folder, 'key'), `${KEY}\n`);
  await writeFile(join(lab.folder, 'token'), 'Bearer geheim\n');
  await writeFile(lab.configFile, CONFIG);
  receiver = await startReceiver();
  daemon = await lab.serve();
  for (const n of MACHINES.keys())
    await lab.network.must('client', 'ip', ['address', 'add', addressOf(n), 'dev', 'eth0']);
  await Promise.all(MACHINES.map(boot));
});
afterAll(() => lab?.destroy());

async function startReceiver(): Promise<Running> {
  const args = ['--import', 'tsx', 'test/support/receiver-daemon.ts', '9900', KEY];
  const started = lab.network.start('server', process.execPath, args, { cwd: TOP });
  await started.until(/listening/);
  return started;
}

const addressOf = (n: number) => `192.0.2.${30 + n}/24`;
const curl = (...args: string[]) => lab.network.must('client', 'curl', ['-sS', '--fail', ...args]);
const metrics = () => curl(`${URL}/metrics`);
const lines = (at: string) =>
  receiver.output
    .split('\n')
    .filter((line) => line.startsWith(`{"at":"${at}"`))
    .map((line) => JSON.parse(line));

/** A machine that asks for its script, fetches what that names, and comes up. */
async function boot(mac: string, n: number): Promise<void> {
  const own = (...args: string[]) => curl('--interface', addressOf(n).replace(/\/.*/, ''), ...args);
  const script = await own('-A', 'iPXE/1.21.1', `${URL}/ipxe/${mac}`);
  for (const name of ['k', 'i', 'r']) {
    await own('-o', '/dev/null', new RegExp(`http:\\S+/${name}\\b`).exec(script)?.[0] ?? '');
  }
  const report = /slipway\.report=(\S+)/.exec(script)?.[1] ?? '';
  await own('-d', 'stage=up&happening=done&message=it+is+up', report);
}

test('a receiver that fails half of the time gets each event at least once, with a valid signature', async () => {
  for (const [n] of MACHINES.entries()) {
    for (const type of ['boot.began', 'boot.up'])
      await receiver.until(new RegExp(`"at":"hook","status":204[^\\n]*"type":"${type}"[^\\n]*"node":"n${n}"`), 120);
  }
  const requests = lines('hook');
  expect(requests.filter(({ problem }) => problem !== undefined)).toEqual([]);
  expect(new Set(requests.map(({ id }) => id)).size).toBe(2 * MACHINES.length);
  expect(requests.filter(({ status }) => status === 503).length).toBeGreaterThanOrEqual(MACHINES.length);
  expect(requests[0]).toMatchObject({ level: 'info', data: { mac: expect.stringMatching(/^52:54:/) } });
});

test('each boot is a trace, in the form of OTLP, with the token of the configuration', async () => {
  for (const [n] of MACHINES.entries())
    await receiver.until(new RegExp(`"slipway.node","value":{"stringValue":"n${n}"}`));
  for (const request of lines('traces')) expect(request).toEqual({ at: 'traces', token: 'Bearer geheim' });
  const spans = lines('trace');
  const wholes = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
  expect(wholes.length).toBe(MACHINES.length);
  const { traceId } = wholes[0];
  expect(spans.filter((span) => span.traceId === traceId).map(({ name }) => name)).toEqual([
    ...['boot debian', 'script', 'kernel', 'initrd', 'root', 'up'],
  ]);
});

test('all metrics are as promtool has them, and tell what happened', async () => {
  const text = await metrics();
  expect(await must('promtool', ['check', 'metrics'], { input: text })).toBe('');
  const count = MACHINES.length;
  for (const line of [
    `slipway_boots_total{image="debian",result="up"} ${count}`,
    `slipway_boot_seconds_count{image="debian"} ${count}`,
    `slipway_stage_seconds_count{stage="root"} ${count}`,
    `slipway_scripts_total{result="script"} ${count}`,
    `slipway_http_downloads_total{result="complete"} ${3 * count}`,
    `slipway_sent_bytes_total{service="http"} ${count * 210_004}`,
    `slipway_machines{outcome="up"} ${count}`,
    'slipway_http_workers 2',
    'slipway_state_available 1',
    'slipway_config_last_reload_successful 1',
    `slipway_node_up{node="n0",image="debian"} 1`,
    `slipway_traces_total{result="sent"} ${count}`,
    `slipway_webhook_requests_total{webhook="ops",result="sent"} ${2 * count}`,
    'slipway_webhook_waiting{webhook="ops"} 0',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(text).toMatch(/^slipway_image_version_info\{image="debian",version="[0-9a-f]{12}"\} 1$/m);
  expect(text).toMatch(/^slipway_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
});

test("Debian's Prometheus reads them, with the alert rules loaded", async () => {
  const file = join(lab.folder, 'prometheus.yml');
  await writeFile(file, PROMETHEUS);
  await must('promtool', ['check', 'config', file]);
  await must('promtool', ['test', 'rules', join(TOP, 'contrib/alert-rules.test.yml')]);
  const prometheus = lab.network.start('server', 'prometheus', [
    ...[`--config.file=${file}`, `--storage.tsdb.path=${join(lab.folder, 'tsdb')}`],
    '--web.listen-address=127.0.0.1:9090',
  ]);
  await prometheus.until(/Server is ready to receive web requests/);
  const ask = async (path: string, ...args: string[]) => {
    const url = `http://127.0.0.1:9090/api/v1/${path}`;
    return JSON.parse(await lab.network.must('server', 'curl', ['-sS', '-G', url, ...args])).data;
  };
  const query = async (expression: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> =>
    (await ask('query', '--data-urlencode', `query=${expression}`)).result;
  const until = async (expression: string) => {
    for (;;) {
      const found = await query(expression);
      if (found.length > 0) return found;
      await delay(200);
    }
  };
  expect((await until(`sum(slipway_boots_total{result="up"}) == ${MACHINES.length}`))[0]?.value[1]).toBe('10');
  await until('up{job="slipway"} == 1');
  const { groups } = await ask('rules');
  expect(groups[0].rules.map(({ health }: { health: string }) => health)).not.toContain('err');
  expect(groups[0].rules.length).toBeGreaterThan(10);
  // A configuration with mistakes: the alert begins to wait for its time.
  await writeFile(lab.configFile, 'images: 1\n');
  await daemon.until(/config\.refused/);
  await until('ALERTS{alertname="SlipwayConfigRefused",alertstate="pending"}');
  await prometheus.stop();
});

test('the queries of the dashboard are ones', async () => {
  const { panels } = JSON.parse(await must('cat', [join(TOP, 'contrib/grafana-dashboard.json')]));
  const expressions: string[] = panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*')),
  );
  const rules = expressions.map((expr, n) => `      - { record: "a:${n}", expr: ${JSON.stringify(expr)} }`);
  const file = join(lab.folder, 'queries.yml');
  await writeFile(file, `groups:\n  - name: dashboard\n    rules:\n${rules.join('\n')}\n`);
  expect(await must('promtool', ['check', 'rules', file])).toContain(`SUCCESS: ${expressions.length} rules found`);
});

test('what a receiver that was away has missed comes to it from the next daemon', async () => {
  await receiver.stop();
  await boot(MACHINES[0] ?? '', 0);
  await daemon.until(/webhook\.failed|webhook ops: /);
  await daemon.stop();
  await writeFile(lab.configFile, CONFIG);
  receiver = await startReceiver();
  daemon = await lab.serve();
  for (const type of ['boot.began', 'boot.up'])
    await receiver.until(new RegExp(`"at":"hook","status":204[^\\n]*"type":"${type}"[^\\n]*"node":"n0"`), 120);
});
