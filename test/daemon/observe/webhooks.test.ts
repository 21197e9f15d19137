import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { signedHeaders } from '../../../src/daemon/observe/signature.ts';
import {
  eventOfNews,
  messageOf,
  sendSigned,
  Webhooks,
  type WebhooksOptions,
} from '../../../src/daemon/observe/webhooks.ts';
import type { BootEvent } from '../../../src/model/event.ts';
import { aBoot } from '../../model/fleet/machines.ts';

const SECRET = `whsec_${Buffer.from('a key of twenty-four byte').toString('base64')}`;
const NOW = Date.now();
const secret = async () => SECRET;

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

/** A receiver on loopback: the requests that it got, each checked by another implementation. */
async function aReceiver(status: (tries: number) => number = () => 204) {
  const got: { readonly id: string; readonly type: string; readonly status: number }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = request.headers as Record<string, string>;
    const { type } = new Webhook(SECRET).verify(Buffer.concat(chunks).toString(), headers) as { type: string };
    const id = String(headers['webhook-id']);
    const answer = status(got.filter((each) => each.id === id).length);
    got.push({ id, type, status: answer });
    response.writeHead(answer, { location: 'http://192.0.2.1/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(() => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token-in-a-path`, got };
}

describe('a signature', () => {
  it('is what another implementation takes, for keys of both forms', () => {
    const seconds = Math.floor(NOW / 1000);
    const headers = signedHeaders(SECRET, 'msg_1', seconds, '{"a":1}');
    expect(new Webhook(SECRET).verify('{"a":1}', headers)).toEqual({ a: 1 });
    expect(() => new Webhook(SECRET).verify('{"a":2}', headers)).toThrow();
    const raw = signedHeaders('sixteen bytes ok', 'msg_1', seconds, '{}');
    expect(new Webhook('sixteen bytes ok', { format: 'raw' }).verify('{}', raw)).toEqual({});
    expect(signedHeaders(SECRET, 'msg_2', seconds, '{}')['webhook-signature']).not.toBe(raw['webhook-signature']);
  });

  it('needs a key that cannot be guessed', () => {
    expect(() => signedHeaders('short', 'msg_1', 0, '')).toThrow('the secret has 5 bytes, and needs at least 16');
    expect(() => signedHeaders('whsec_c2hvcnQ=', 'msg_1', 0, '')).toThrow('needs at least 16');
  });
});

describe('sending', () => {
  const message = messageOf({ event: 'boot.up', level: 'info', message: 'n001 is up', node: 'n001' }, NOW);

  it('tells why it was not taken, and never the URL or the secret', async () => {
    const { url } = await aReceiver(() => 500);
    const send = (to: string | { secret: string }, from = secret) =>
      sendSigned({ url: to, secret: 'env:KEY' }, message, from, NOW, new AbortController().signal);
    expect(await send(url)).toBe('it answered 500');
    expect(await send((await aReceiver(() => 302)).url)).toBe('it answered 302');
    expect(await send('http://127.0.0.1:1/token-in-a-path')).toMatch(/^(?!.*token-in-a-path).*ECONNREFUSED|bad port/);
    expect(await send({ secret: 'env:URL' })).toBe('its URL is no http(s) URL');
    expect(await send((await aReceiver()).url)).toBeUndefined();
  });

  it('says what an event is, and what it tells', () => {
    expect(JSON.parse(message.body)).toEqual({
      ...{ type: 'boot.up', timestamp: new Date(NOW).toISOString(), level: 'info', message: 'n001 is up' },
      data: { node: 'n001' },
    });
    const failed = aBoot(
      [{ stage: 'network' }, { stage: 'root', happening: 'failed', message: 'curl: (7) no connection to it' }],
      { outcome: 'failed' },
    );
    expect(eventOfNews({ kind: 'failed', boot: failed }, 2000)).toMatchObject({
      ...{ event: 'boot.failed', level: 'warn', node: 'n001', image: 'debian', seconds: 1 },
      ...{ message: expect.stringMatching(/^n001 failed to boot after 1 s: /), rule: 'server-unreachable' },
    });
  });
});

it('each webhook gets the events that it wants, at least once, from a receiver that fails half of the time', async () => {
  const { url, got } = await aReceiver((tries) => (tries === 0 ? 503 : 200));
  const events: BootEvent[] = [];
  const settings = new Map([['ops', { url, events: ['boot.up', 'boot.failed'] as const, secret: 'env:KEY' }]]);
  const results: (string | undefined)[] = [];
  const wanted = 10;
  await new Promise<void>((resolve) => {
    const webhooks = new Webhooks({
      settings: () => settings,
      secret,
      store: undefined,
      record: (event) => events.push(event),
      count: ([each]) => {
        results.push(each?.labels.result);
        if (results.filter((result) => result === 'sent').length === wanted) resolve();
      },
      now: Date.now,
      monotonic: () => performance.now(),
    });
    cleanup.push(() => webhooks.stop());
    for (let n = 0; n < wanted; n++) {
      webhooks.take({ event: 'boot.up', level: 'info', message: `n${n} is up` });
      webhooks.take({ event: 'ready', level: 'info', message: 'not wanted' });
      webhooks.take({ event: 'dhcp.offer', level: 'info', message: 'never for webhooks' });
    }
  });
  const taken = new Set(got.filter(({ status }) => status === 200).map(({ id }) => id));
  expect(taken.size).toBe(wanted);
  expect(new Set(got.map(({ type }) => type))).toEqual(new Set(['boot.up']));
  expect(results.filter((result) => result === 'retried').length).toBe(got.length - wanted);
  expect(events[0]).toMatchObject({ event: 'webhook.failed', level: 'warn', webhook: 'ops' });
  expect(JSON.stringify(events)).not.toMatch(/token-in-a-path|whsec_/);
});

it('what a receiver has not taken comes to it from the next daemon, the same event', async () => {
  const kept = new Map<string, object>();
  const store: WebhooksOptions['store'] = {
    notes: async () => [...kept],
    putNote: async (_kind, key, value) => void (value ? kept.set(key, value) : kept.delete(key)),
  };
  let isBack = false;
  const { url, got } = await aReceiver(() => (isBack ? 204 : 503));
  const settings = new Map([['ops', { url, events: ['boot.up'] as const, secret: 'env:KEY' }]]);
  const daemon = (count: WebhooksOptions['count']) =>
    new Webhooks({
      ...{ settings: () => settings, secret, store, count, record: () => {} },
      ...{ now: Date.now, monotonic: () => performance.now() },
    });
  const first = daemon(() => {});
  for (const name of ['n1', 'n2']) first.take({ event: 'boot.up', level: 'info', message: `${name} is up` });
  await first.stop();
  const refused = new Set(got.map(({ id }) => id));
  expect([refused.size, kept.size]).toEqual([2, 2]);
  kept.set('gone msg_1', { webhook: 'gone', id: 'msg_1', body: '{}', at: Date.now() });

  isBack = true;
  let sent = 0;
  const second = await new Promise<Webhooks>((resolve) => {
    const webhooks = daemon(([each]) => {
      if (each?.labels.result === 'sent' && ++sent === 2) resolve(webhooks);
    });
  });
  await second.stop();
  expect(new Set(got.filter(({ status }) => status === 204).map(({ id }) => id))).toEqual(refused);
  expect([...kept]).toEqual([]);
});
