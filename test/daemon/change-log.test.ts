import { describe, expect, it } from 'vitest';
import { ChangeLog } from '../../src/daemon/fleet/change-log.ts';
import { BootTokens } from '../../src/daemon/fleet/tokens/boot-tokens.ts';
import type { BootChange } from '../../src/model/fleet/boot-store.ts';
import type { News } from '../../src/model/fleet/status.ts';

const change = {} as BootChange;
const numbers = (news: News | undefined) => news?.changes.map(({ number }) => number) ?? [];

describe('the log of changes', () => {
  it('numbers changes, and gives those after a number', async () => {
    const log = new ChangeLog(10);
    log.add([change, change]);
    log.add([change]);
    expect(numbers(await log.since(1, 60_000))).toEqual([2, 3]);
  });

  it('waits for the next change, from now on where no number is given', async () => {
    const log = new ChangeLog(10);
    log.add([change]);
    const waiting = log.since(undefined, 60_000);
    log.add([change]);
    expect(await waiting).toMatchObject({ last: 2 });
  });

  it('takes a number that was not given yet, as by the daemon before, for none', async () => {
    const log = new ChangeLog(10);
    const waiting = log.since(99, 60_000);
    log.add([change]);
    expect(numbers(await waiting)).toEqual([1]);
  });

  it('answers with nothing when its time is up', async () => {
    expect(await new ChangeLog(10).since(undefined, 1)).toEqual({ last: 0, changes: [] });
  });

  it('ends all waiting when it is stopped', async () => {
    const log = new ChangeLog(10);
    const waiting = log.since(undefined, 60_000);
    log.stop();
    expect([await waiting, await log.since(0, 60_000)]).toEqual([undefined, undefined]);
  });

  it('forgets the oldest', async () => {
    const log = new ChangeLog(10);
    for (let n = 0; n < 100; n++) log.add([change]);
    const found = numbers(await log.since(0, 60_000));
    expect(found.length).toBeLessThanOrEqual(20);
    expect(found.at(-1)).toBeLessThanOrEqual(100);
  });
});

describe('tokens for reports', () => {
  const [one, other] = ['0123456789abcdef', 'fedcba9876543210'];
  const make = (secret = 'ab'.repeat(32)) => new BootTokens({ secret, purpose: 'report', uses: 200 });

  it('are the same for a boot, at each daemon that has the secret, and others for another', () => {
    expect(make().of(one)).toMatch(/^[0-9a-f]{32}$/);
    expect(make().of(one)).toBe(make().of(one));
    expect(make().of(other)).not.toBe(make().of(one));
    expect(make('cd'.repeat(32)).of(one)).not.toBe(make().of(one));
  });

  it('count for their boot, and so often', () => {
    const tokens = make();
    for (let n = 0; n < 200; n++) expect(tokens.use(make().of(one))).toEqual({ boot: one });
    expect(tokens.use(tokens.of(one))).toBe('too-many');
    expect(tokens.use(tokens.of(other))).toEqual({ boot: other });
  });

  it('cannot be guessed', () => {
    for (const token of ['guessed', '', one, `${one}${'0'.repeat(16)}`, make('cd'.repeat(32)).of(one)]) {
      expect(make().use(token)).toBe('unknown');
    }
  });
});
