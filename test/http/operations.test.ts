import { afterEach, expect, it } from 'vitest';
import { OPERATIONS, type Operation } from '../../src/http/api/operations.ts';
import { problem } from '../../src/http/api/schemas.ts';
import type { Boot } from '../../src/model/fleet/boot.ts';
import type { Fleet } from '../../src/model/fleet/status.ts';
import type { Mac } from '../../src/model/machine/mac.ts';
import { NO_FLEET } from '../support/no-fleet.ts';
import { Serving } from './serving.ts';

let serving: Serving | undefined;
afterEach(() => serving?.stop());

const MAC = '52:54:00:00:00:01' as Mac;
const ID = '0123456789abcdef';
const about = { id: ID, mac: MAC, node: 'n001', image: 'debian', version: undefined };
const boot: Boot = { ...about, began: 1, last: 2, stage: 'up', outcome: 'up' };
const fleet: Fleet = {
  ...NO_FLEET,
  status: async () => [{ ...boot, message: 'up' }],
  lastChange: async () => 7,
  nodes: async () => [
    { name: 'n001', macs: [MAC], labels: { rack: 'r1' }, profiles: ['p'], action: 'boot', image: 'debian' },
  ],
  images: async () => [
    { name: 'rescue', nodes: 0, why: 'k: there is no such file' },
    {
      name: 'debian',
      nodes: 1,
      method: 'image',
      version: undefined,
      build: undefined,
      files: [{ role: 'kernel', name: 'k', sha256: 'ab'.repeat(32), bytes: 5 }],
    },
  ],
  script: async (machine) =>
    machine === 'n001' ? { mac: MAC, kind: 'script', text: '#!ipxe', why: undefined } : undefined,
  explain: async (machine) => (machine === 'n001' ? { mac: MAC, node: null } : undefined),
  boots: async () => [boot],
  boot: async (id) => (id === ID ? { ...boot, steps: [] } : undefined),
  bootsOf: async () => [{ ...boot, steps: [] }],
  strangers: async () => [{ mac: MAC, last: 1, facts: { serial: 'S' } }],
  rollouts: async () => [{ image: 'debian', version: ID, before: undefined, phase: 'stopped', why: 'n1' }],
  next: async (machine) =>
    machine === 'self'
      ? { mac: MAC, node: 'n001', running: { image: 'a', version: undefined }, differs: true }
      : undefined,
  orders: async () => [{ machine: 'n001', image: 'debian', repeat: 'once', at: 1, by: 'admin' }],
  order: async (machine) => (machine === 'n001' ? 'ordered' : 'no-machine'),
  output: async (id) => [{ number: 2, boot: id, step: 'test', start: 0, data: 'b2s=' }],
  cancelPipeline: async (id) => id === ID,
  cancel: async (machine) => machine === 'n001',
  adopt: async ({ mac }) => (mac === MAC ? { diff: '+' } : { problem: 'no' }),
  authorise: async () => ({ name: 'admin', scope: 'write' }),
};

/** Paths with a query, and bodies: one that is answered, one that is wrong, one of something that there is not. */
interface Samples {
  readonly good: readonly [path: string, body?: object];
  readonly wrong?: readonly [path: string, body?: object];
  readonly unknown?: readonly [path: string, body?: object];
}

const SAMPLES: Readonly<Record<string, Samples>> = {
  'GET /status': { good: ['/status'], wrong: ['/status?machine='] },
  'GET /boots': { good: ['/boots?machine=n001&limit=3'], wrong: ['/boots?limit=3'] },
  'GET /boots/{id}': { good: [`/boots/${ID}`], wrong: ['/boots/XYZ'], unknown: ['/boots/ffffffffffffffff'] },
  'GET /boots/{id}/output': { good: [`/boots/${ID}/output?after=1`], wrong: [`/boots/${ID}/output?after=-1`] },
  'DELETE /boots/{id}/pipeline': {
    good: [`/boots/${ID}/pipeline`],
    wrong: ['/boots/XYZ/pipeline'],
    unknown: ['/boots/ffffffffffffffff/pipeline'],
  },
  'GET /images/{image}/boots': { good: ['/images/debian/boots'], wrong: ['/images/debian/boots?limit=x'] },
  'GET /images': { good: ['/images'] },
  'GET /attention': { good: ['/attention'] },
  'GET /nodes': { good: ['/nodes'] },
  'GET /nodes/{machine}/script': {
    good: ['/nodes/n001/script'],
    wrong: [`/nodes/${'n'.repeat(101)}/script`],
    unknown: ['/nodes/n009/script'],
  },
  'GET /nodes/{machine}/explanation': {
    good: ['/nodes/n001/explanation'],
    wrong: [`/nodes/${'n'.repeat(101)}/explanation`],
    unknown: ['/nodes/n009/explanation'],
  },
  'GET /unknown': { good: ['/unknown'] },
  'GET /nodes/{machine}/next': {
    good: ['/nodes/self/next'],
    wrong: [`/nodes/${'n'.repeat(101)}/next`],
    unknown: ['/nodes/n009/next'],
  },
  'GET /rollouts': { good: ['/rollouts'] },
  'GET /orders': { good: ['/orders'] },
  'PUT /orders/{machine}': {
    good: ['/orders/n001', { image: 'debian' }],
    wrong: ['/orders/n001', { image: 'debian', repeat: 'often' }],
    unknown: ['/orders/n009', { image: 'debian' }],
  },
  'DELETE /orders/{machine}': { good: ['/orders/n001'], unknown: ['/orders/n009'] },
  'POST /nodes': { good: ['/nodes', { mac: MAC, name: 'n1' }], wrong: ['/nodes', { mac: MAC, name: '-' }] },
};

const nameOf = ({ method, path }: Operation) => `${method} ${path}`;

async function send({ method }: Operation, [path, body]: readonly [string, object?]) {
  const response = await fetch(`${serving?.url}/api/v1${path}`, {
    method,
    headers: { Authorization: 'Bearer 0123456789abcdef' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}

it('has samples of every operation', () => {
  expect(Object.keys(SAMPLES).sort()).toEqual(OPERATIONS.map(nameOf).sort());
});

it.each(OPERATIONS.map((each) => [nameOf(each), each] as const))(
  '%s answers as it is described',
  async (name, each) => {
    serving = await Serving.start({ fleet });
    const { good = [''], wrong, unknown } = SAMPLES[name] ?? {};
    const answer = await send(each, good);
    expect(answer.status).toBe(200);
    each.answer.parse(answer.body);
    for (const [request, status] of [
      [wrong, 400],
      [unknown, 404],
    ] as const) {
      if (!request) continue;
      const refusal = await send(each, request);
      expect(refusal.status).toBe(status);
      problem.parse(refusal.body);
    }
  },
);
