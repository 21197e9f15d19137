import { afterEach, describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/http/api/operations.ts';
import { change } from '../../src/http/api/schemas.ts';
import type { BootEvent } from '../../src/model/event.ts';
import type { Access } from '../../src/model/fleet/access.ts';
import type { Boot, BootStep } from '../../src/model/fleet/boot.ts';
import type { Fleet, NumberedChange } from '../../src/model/fleet/status.ts';
import type { Mac } from '../../src/model/machine/mac.ts';
import { NO_FLEET } from '../support/no-fleet.ts';
import { Serving } from './serving.ts';

let serving: Serving;
afterEach(() => serving.stop());

const ID = '0123456789abcdef';
const boot: Boot = {
  id: ID,
  mac: '52:54:00:00:00:01' as Mac,
  node: 'n001',
  image: 'debian',
  version: undefined,
  began: 1000,
  last: 5000,
  stage: 'root',
  outcome: 'under-way',
};
const step: BootStep = {
  at: 5000,
  stage: 'root',
  happening: 'progress',
  message: '1 of 4 MB',
  bytes: 1e6,
  length: 4e6,
};
const diagnosis = { rule: 'slow-root', message: 'the root comes slowly', remedy: 'look at the cable' };

const fleet: Fleet = {
  ...NO_FLEET,
  status: async () => [{ ...boot, message: step.message, bytes: 1e6, length: 4e6, rate: 2e5, diagnosis }],
  boots: async (machine, limit) => (machine === 'n001' && limit === 5 ? [boot] : []),
  boot: async (id) => (id === ID ? { ...boot, steps: [step], diagnosis } : undefined),
  bootsOf: async (image) => (image === 'debian' ? [{ ...boot, steps: [step] }] : []),
};

async function get(path: string, init?: RequestInit): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${serving.url}/api/v1${path}`, init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('/api/v1', () => {
  it.each([
    ['/status', '/status', { machines: [{ diagnosis: { rule: 'slow-root' } }] }],
    ['/status', '/status?machine=n001', { machines: [{ id: ID }] }],
    ['/status', '/status?machine=n002', { machines: [] }],
    ['/boots', '/boots?machine=n001&limit=5', { boots: [{ id: ID }] }],
    ['/boots', '/boots?machine=52-54-00-00-00-01', { boots: [] }],
    ['/boots/{id}', `/boots/${ID}`, { steps: [{ message: '1 of 4 MB' }] }],
    ['/images/{image}/boots', '/images/debian/boots', { boots: [{ id: ID }] }],
  ])('%s answers %s as it is described', async (path, request, expected) => {
    serving = await Serving.start({ fleet });
    const { status, body } = await get(request);
    expect(status).toBe(200);
    expect(body).toMatchObject(expected);
    for (const { answer } of OPERATIONS.filter((each) => each.path === path)) answer.parse(body);
  });

  it.each([
    ['/boots', 400, /machine: /],
    ['/boots?machine=n001&limit=100000', 400, /limit: /],
    [`/boots/${'x'.repeat(16)}`, 400, /id: /],
    ['/boots/ffffffffffffffff', 404, /no such thing/],
    ['/nothing', 404, /openapi\.json/],
  ])('%s is answered %i with a reason', async (path, expected, reason) => {
    serving = await Serving.start({ fleet });
    const { status, body } = await get(path);
    expect(status).toBe(expected);
    expect(body.error).toMatch(reason);
  });

  it('what needs attention comes with the most urgent first', async () => {
    const stuck = (node: string, outcome: Boot['outcome'], last: number) => ({
      ...boot,
      message: '',
      diagnosis,
      node,
      outcome,
      last,
    });
    const all = [
      stuck('up', 'up', 9),
      stuck('old', 'under-way', 1),
      { ...boot, message: '' },
      stuck('new', 'under-way', 2),
      stuck('failed', 'failed', 0),
    ];
    serving = await Serving.start({ fleet: { ...fleet, status: async () => all } });
    const { machines } = (await get('/attention')).body as { machines: { node: string }[] };
    expect(machines.map(({ node }) => node)).toEqual(['failed', 'new', 'old', 'up']);
  });

  it('the status names the last change that is in it, and changes that come meanwhile twice rather than never', async () => {
    let last = 6;
    const status: Fleet['status'] = async () => {
      last += 1;
      return [];
    };
    serving = await Serving.start({ fleet: { ...fleet, status, lastChange: async () => last } });
    expect((await get('/status')).body).toEqual({ machines: [], change: 6 });
  });

  it('a store that is away is a 503 with its reason', async () => {
    const away = async () => Promise.reject(new Error('the store is away: disk full'));
    serving = await Serving.start({ fleet: { ...fleet, boots: away } });
    const { status, body } = await get('/boots?machine=n001');
    expect([status, body.error]).toEqual([503, 'the store is away: disk full']);
  });

  it('changes nothing: other methods are refused', async () => {
    serving = await Serving.start({ fleet });
    const response = await fetch(`${serving.url}/api/v1/status`, { method: 'POST' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('describes every operation in its OpenAPI document', async () => {
    serving = await Serving.start({ fleet });
    const { body } = await get('/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths as object)).toEqual([...new Set(OPERATIONS.map(({ path }) => path)), '/events']);
  });
});

describe('a change', () => {
  const tokens: Readonly<Record<string, Access>> = {
    'secret-of-the-admin': { name: 'admin', scope: 'write' },
    'secret-of-a-reader1': { name: 'reader', scope: 'read' },
  };
  const asked: unknown[][] = [];
  const events: BootEvent[] = [];
  const changing: Fleet = {
    ...fleet,
    authorise: async (secret) => tokens[secret],
    order: async (...args) => {
      asked.push(args);
      return args[0] === 'n001' ? (args[1].image === 'rescue' ? 'ordered' : 'no-image') : 'no-machine';
    },
    cancel: async (machine) => machine === 'n001',
    orders: async () => [{ machine: 'n001', image: 'rescue', repeat: 'once', at: 1, by: 'admin' }],
    strangers: async () => [{ mac: boot.mac, last: 5, facts: { serial: 'S1' } }],
    adopt: async ({ name }) => (name === 'n017' ? { diff: '+n017' } : { problem: 'line 7: no' }),
  };
  const send = (method: string, path: string, body?: object, token = 'secret-of-the-admin') =>
    get(path, {
      method,
      ...(body && { body: JSON.stringify(body) }),
      headers: token === '' ? {} : { Authorization: `Bearer ${token}` },
    });

  it('is made with a token, and logged', async () => {
    serving = await Serving.start({ fleet: changing, record: (event) => events.push(event) });
    expect(await send('PUT', '/orders/n001', { image: 'rescue' })).toEqual({ status: 200, body: { ordered: true } });
    expect(asked).toEqual([['n001', { image: 'rescue', repeat: 'once' }, 'admin']]);
    expect(events.filter(({ event }) => event === 'api.change')).toMatchObject([
      {
        level: 'info',
        by: 'admin',
        message: expect.stringContaining('admin: PUT /orders/{machine} {"machine":"n001"'),
      },
    ]);
    expect(await send('DELETE', '/orders/n001')).toEqual({ status: 200, body: { cancelled: true } });
    expect(await send('POST', '/nodes', { mac: 'm', name: 'n017' })).toEqual({ status: 200, body: { diff: '+n017' } });
    expect((await get('/orders')).body).toMatchObject({ orders: [{ by: 'admin' }] });
    expect((await get('/unknown')).body).toMatchObject({ machines: [{ facts: { serial: 'S1' } }] });
  });

  it.each([
    ['PUT', '/orders/n001', { image: 'rescue' }, '', 401, /this needs a token: send "Authorization: Bearer TOKEN"/],
    ['PUT', '/orders/n001', { image: 'rescue' }, 'secret-of-nobody-here', 401, /this token is not known/],
    ['PUT', '/orders/n001', { image: 'rescue' }, 'secret-of-a-reader1', 403, /the token reader only reads/],
    ['PUT', '/orders/n009', { image: 'rescue' }, undefined, 404, /there is no node "n009"/],
    ['PUT', '/orders/n001', { image: 'x' }, undefined, 400, /there is no image "x"/],
    ['PUT', '/orders/n001', { image: 'rescue', repeat: 'often' }, undefined, 400, /repeat: /],
    ['PUT', '/orders/n001', { image: 'rescue', more: 1 }, undefined, 400, /more/],
    ['DELETE', '/orders/n002', undefined, undefined, 404, /no such thing/],
    ['POST', '/nodes', { mac: 'm', name: 'other' }, undefined, 400, /line 7: no/],
    ['POST', '/nodes', { mac: 'm', name: '../x' }, undefined, 400, /name: /],
    ['POST', '/orders/n001', {}, undefined, 405, /only PUT, DELETE is served here/],
  ])('%s %s %j with %j is refused with %i', async (method, path, body, token, status, reason) => {
    serving = await Serving.start({ fleet: changing });
    const answer = await send(method, path, body, token);
    expect([answer.status, answer.body.error]).toEqual([status, expect.stringMatching(reason)]);
  });

  it('cannot be tried with many tokens', async () => {
    serving = await Serving.start({ fleet: changing });
    const statuses = new Set<number>();
    for (let n = 0; n < 25; n++)
      statuses.add((await send('DELETE', '/orders/n001', undefined, `secret-number-${n}x`)).status);
    expect([...statuses]).toEqual([401, 429]);
  });

  it('is not all that may need a token', async () => {
    serving = await Serving.start({ fleet: { ...changing, readsAreOpen: async () => false } });
    expect((await get('/orders')).status).toBe(401);
    expect((await send('GET', '/orders', undefined, 'secret-of-a-reader1')).status).toBe(200);
    expect((await fetch(`${serving.url}/api/v1/events`)).status).toBe(401);
  });
});

describe('/api/v1/events', () => {
  const numbered = (number: number): NumberedChange => ({ number, boot, step });

  it('ends where the daemon stops', async () => {
    serving = await Serving.start({ fleet: { ...fleet, changes: async () => undefined } });
    expect(await (await fetch(`${serving.url}/api/v1/events`)).text()).toBe('');
  });

  it('sends changes as they happen, each with its number, and goes on after the last that a client has', async () => {
    const asked: (number | undefined)[] = [];
    const answers = [
      { last: 7, changes: [numbered(6), numbered(7)] },
      { last: 7, changes: [] },
      { last: 8, changes: [numbered(8)] },
    ];
    const changes: Fleet['changes'] = async (after) => {
      asked.push(after);
      return answers.shift() ?? new Promise(() => {});
    };
    serving = await Serving.start({ fleet: { ...fleet, changes } });
    const ending = new AbortController();
    const response = await fetch(`${serving.url}/api/v1/events`, {
      headers: { 'last-event-id': '5' },
      signal: ending.signal,
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(piece).toString();
      if (text.includes('id: 8\n') && text.endsWith('\n\n')) break;
    }
    ending.abort();
    expect(asked).toEqual([5, 7, 7, 8]);
    const events = [...text.matchAll(/^id: (\d+)\ndata: (.*)$/gm)];
    expect(events.map(([, id]) => id)).toEqual(['6', '7', '8']);
    for (const [, number, data = ''] of events) {
      expect(change.safeParse({ number: Number(number), ...JSON.parse(data) }).success).toBe(true);
    }
  });
});
