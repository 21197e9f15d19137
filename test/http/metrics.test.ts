import { afterEach, expect, it } from 'vitest';
import { NO_FLEET } from '../support/no-fleet.ts';
import { Serving } from './serving.ts';

let serving: Serving;
afterEach(() => serving.stop());

const get = (init?: RequestInit) => fetch(`${serving.url}/metrics`, init);

it('metrics are there for whoever may read the API', async () => {
  serving = await Serving.start({ metrics: async () => 'a_metric 1\n' });
  const response = await get();
  expect([response.status, await response.text()]).toEqual([200, 'a_metric 1\n']);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect((await get({ method: 'POST' })).status).toBe(405);
});

it('where reading needs a token, so do they', async () => {
  const authorise = async (secret: string) =>
    secret === 'good' ? { name: 'prometheus', scope: 'read' as const } : undefined;
  const fleet = { ...NO_FLEET, readsAreOpen: async () => false, authorise };
  serving = await Serving.start({ metrics: async () => 'a_metric 1\n', fleet });
  expect((await get()).status).toBe(401);
  expect((await get({ headers: { Authorization: 'Bearer bad' } })).status).toBe(401);
  expect((await get({ headers: { Authorization: 'Bearer good' } })).status).toBe(200);
});

it('they can be off, and nobody may ask all the time', async () => {
  serving = await Serving.start();
  expect((await get()).status).toBe(404);
  const statuses = new Set<number>();
  for (let n = 0; n < 40; n++) statuses.add((await get()).status);
  expect(statuses).toEqual(new Set([404, 429]));
});
