import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { spansOf, traceIdOf } from '../../../src/daemon/observe/otlp.ts';
import { Traces } from '../../../src/daemon/observe/traces.ts';
import type { BootEvent } from '../../../src/model/event.ts';
import { aBoot } from '../../model/fleet/machines.ts';
import { traceRequest as shape } from '../../support/otlp-shape.ts';

const boot = aBoot(
  [
    { stage: 'dhcp' },
    { stage: 'kernel', bytes: 500, length: 500, seconds: 0.5 },
    { stage: 'root', happening: 'failed', message: 'it broke off', reason: 'broke-off' },
    { stage: 'root', at: 9000, happening: 'done' },
    { stage: 'up', at: 12_500 },
  ],
  { outcome: 'up', version: 'ab'.repeat(32), last: 12_500 },
);

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

it('a boot is a trace: the whole, and its stages one after the other', () => {
  const [whole, ...stages] = spansOf(boot);
  expect(traceIdOf(boot.id)).toBe('00000000000000001111111111111111');
  expect(whole).toMatchObject({
    ...{ traceId: traceIdOf(boot.id), spanId: boot.id, name: 'boot debian' },
    ...{ startTimeUnixNano: '0000000', endTimeUnixNano: '12500000000', status: { code: 1 } },
  });
  expect(
    stages.map(({ name, startTimeUnixNano, endTimeUnixNano }) => [name, startTimeUnixNano, endTimeUnixNano]),
  ).toEqual([
    ['dhcp', '0000000', '0000000'],
    ['kernel', '0000000', '1000000000'],
    ['root', '1000000000', '9000000000'],
    ['up', '9000000000', '12500000000'],
  ]);
  expect(new Set(stages.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([boot.id]));
  expect(new Set([whole, ...stages].map((span) => span?.spanId)).size).toBe(5);
  expect(stages[2]?.events?.map(({ name }) => name)).toEqual(['failed', 'done']);
  expect(spansOf(boot)).toEqual(spansOf(boot));
});

it('a boot that failed is an error, and so is the stage at which it did', () => {
  const failed = aBoot([{}, { stage: 'root', happening: 'failed', message: 'no such file' }], { outcome: 'failed' });
  expect(spansOf(failed).map(({ name, status }) => [name, status])).toEqual([
    ['boot debian', { code: 2, message: 'no such file' }],
    ['dhcp', { code: 1 }],
    ['root', { code: 2, message: 'no such file' }],
  ]);
});

/** A collector on loopback, and what sends to it. */
async function aCollector(answers: readonly number[] = []) {
  const requests: { readonly body: unknown; readonly headers: IncomingHttpHeaders }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({ body: JSON.parse(Buffer.concat(chunks).toString()), headers: request.headers });
    response.writeHead(answers[requests.length - 1] ?? 200).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(() => new Promise((resolve) => server.close(resolve)));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const events: BootEvent[] = [];
  const counted: { sent: number; dropped: number } = { sent: 0, dropped: 0 };
  let wake = () => {};
  const traces = new Traces({
    settings: () => ({ url, headers: new Map([['authorization', { secret: 'env:KEY' }]]) }),
    secret: async () => 'Bearer geheim',
    record: (event) => events.push(event),
    count: ([each]) => {
      counted[each?.labels.result as 'sent'] += each?.value ?? 0;
      wake();
    },
    version: '1.0.0',
    pauseMs: 1,
  });
  cleanup.push(() => traces.stop());
  const ended = async (boots: number) => {
    while (counted.sent + counted.dropped < boots) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { traces, requests, events, counted, ended };
}

it('boots are sent in lots, in the form of OTLP', async () => {
  const { traces, requests, counted, ended } = await aCollector();
  for (let n = 0; n < 120; n++) traces.take({ ...boot, id: (n + 1).toString(16).padStart(16, '0') });
  await ended(120);
  expect(counted).toEqual({ sent: 120, dropped: 0 });
  expect(requests.length).toBe(3);
  for (const { body, headers } of requests) {
    expect(shape.safeParse(body).error).toBeUndefined();
    expect(headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer geheim' });
  }
});

it('a lot is tried once more, and then given up and counted', async () => {
  const { traces, requests, counted, events, ended } = await aCollector([503, 200, 503, 500, 200]);
  traces.take(boot);
  await ended(1);
  traces.take(boot);
  await ended(2);
  expect(counted).toEqual({ sent: 1, dropped: 1 });
  traces.take(boot);
  await ended(3);
  expect([requests.length, counted.sent]).toEqual([5, 2]);
  expect(events.map(({ event, message }) => [event, message])).toEqual([
    ['traces.failed', 'traces are lost: it answered 500'],
    ['traces.back', 'traces are taken again'],
  ]);
});

it('of more boots than may wait the last are given up at once', async () => {
  const { traces, counted, ended } = await aCollector();
  for (let n = 0; n < 2500; n++) traces.take(boot);
  expect(counted.dropped).toBe(500);
  await ended(2500);
  expect(counted.sent).toBe(2000);
});
