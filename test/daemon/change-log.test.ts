import { describe, expect, it } from 'vitest';
import { ChangeLog } from '../../src/daemon/fleet/change-log.ts';
import { ReportTokens } from '../../src/daemon/fleet/report-tokens.ts';
import type { BootChange } from '../../src/model/fleet/boot-store.ts';
import type { News } from '../../src/model/fleet/status.ts';
import type { Mac } from '../../src/model/machine/mac.ts';

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
  const mac = '52:54:00:00:00:01' as Mac;
  const make = () => {
    let made = 0;
    return new ReportTokens(() => `token-${++made}`);
  };

  it('are the same for a boot, and others for another', () => {
    const tokens = make();
    expect(tokens.of({ mac, boot: 'a' }, 0)).toBe(tokens.of({ mac, boot: 'a' }, 5));
    expect(tokens.of({ mac, boot: 'b' }, 0)).not.toBe(tokens.of({ mac, boot: 'a' }, 0));
  });

  it('count for their boot, so often and so long', () => {
    const tokens = make();
    const token = tokens.of({ mac, boot: 'a' }, 0);
    for (let n = 0; n < 200; n++) expect(tokens.use(token, 1)).toMatchObject({ mac, boot: 'a' });
    expect(tokens.use(token, 1)).toBe('too-many');
    expect(tokens.use(tokens.of({ mac, boot: 'b' }, 0), 24 * 3_600_000 + 1)).toBe('unknown');
    expect(tokens.use('guessed', 1)).toBe('unknown');
  });

  it('are bounded in number: the oldest go', () => {
    const tokens = make();
    const first = tokens.of({ mac, boot: 'first' }, 0);
    for (let n = 0; n < 20_000; n++) tokens.of({ mac, boot: String(n) }, 0);
    expect(tokens.use(first, 1)).toBe('unknown');
  });
});
