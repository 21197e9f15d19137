import { afterEach, describe, expect, it } from 'vitest';
import type { AppOptions } from '../../src/http/app-options.ts';
import type { BootStep } from '../../src/model/fleet/boot.ts';
import type { ReportOutcome } from '../../src/model/fleet/status.ts';
import { NO_FLEET } from '../support/no-fleet.ts';
import { Serving } from './serving.ts';

let serving: Serving;
afterEach(() => serving.stop());

const TOKEN = 'ab'.repeat(16);
const reports: [string, Omit<BootStep, 'at'>][] = [];

async function start(outcome: ReportOutcome = 'accepted', more: Partial<AppOptions> = {}): Promise<void> {
  reports.length = 0;
  const report = async (token: string, step: Omit<BootStep, 'at'>) => {
    reports.push([token, step]);
    return outcome;
  };
  serving = await Serving.start({ ...more, fleet: { ...NO_FLEET, report } });
}

async function post(body: string | Record<string, string>, path = `/report/${TOKEN}`): Promise<number> {
  const form = typeof body === 'string' ? body : new URLSearchParams(body);
  return (await fetch(serving.url + path, { method: 'POST', body: form })).status;
}

const GOOD = { stage: 'root', happening: 'progress', message: '1 of 4 MB' };

describe('/report', () => {
  it('takes a form, with numbers as numbers and texts without control characters', async () => {
    await start();
    const odd = { message: ' a\u001b[2Jb\r\nc é ', log: 'one\n\ttwo\u0007', bytes: '1000000', length: '4e6' };
    expect(await post({ ...GOOD, ...odd })).toBe(204);
    const read = { message: 'a [2Jb c é', log: 'one\n\ttwo ', bytes: 1_000_000, length: 4_000_000 };
    expect(reports).toEqual([[TOKEN, { ...GOOD, ...read }]]);
  });

  it('cuts what is long', async () => {
    await start();
    await post({ ...GOOD, message: 'm'.repeat(2000), log: `${'x'.repeat(9000)}end` });
    expect(reports[0]?.[1].message).toHaveLength(500);
    expect(reports[0]?.[1].log).toMatch(/^x+end$/);
    expect(reports[0]?.[1].log).toHaveLength(8192);
  });

  it.each([
    ['no stage', { ...GOOD, stage: 'moon' }],
    ['a happening that machines do not report', { ...GOOD, happening: 'ignored' }],
    ['no message', { stage: 'root', happening: 'done' }],
    ['a number below zero', { ...GOOD, bytes: '-1' }],
    ['JSON', '{"stage":"root"}'],
    ['nothing', ''],
  ])('answers 400 to %s', async (_, body) => {
    await start();
    expect(await post(body)).toBe(400);
    expect(reports).toEqual([]);
  });

  it.each([
    ['unknown', 404],
    ['too-many', 429],
  ] as const)('answers a token that is %s with %i', async (outcome, status) => {
    await start(outcome);
    expect(await post(GOOD)).toBe(status);
  });

  it('refuses a body that is too long, and other methods', async () => {
    await start();
    expect(await post('x'.repeat(20_000))).toBe(413);
    expect((await fetch(`${serving.url}/report/${TOKEN}`)).status).toBe(405);
  });

  it('limits the reports of one address', async () => {
    // In no time, however busy the machine is.
    await start('accepted', { monotonic: () => 0 });
    const statuses = await Promise.all(Array.from({ length: 600 }, () => post(GOOD)));
    expect(statuses.filter((status) => status === 429)).toHaveLength(100);
  });

  it('takes what cloud-init posts when it phones home', async () => {
    await start();
    expect(await post('pub_key_rsa=x&hostname=n', `/report/${TOKEN}/phone-home`)).toBe(204);
    expect(reports[0]?.[1]).toMatchObject({ stage: 'up', happening: 'done' });
  });

  it('never has the token in the log', async () => {
    await start();
    await post('x'.repeat(20_000));
    await post(GOOD, `/report/${TOKEN}/more/parts`);
    expect(JSON.stringify(serving.events)).not.toContain(TOKEN);
    expect(serving.events.length).toBeGreaterThan(0);
  });
});
