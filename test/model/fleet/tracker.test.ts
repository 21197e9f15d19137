import { describe, expect, it } from 'vitest';
import type { BootEvent } from '../../../src/model/event.ts';
import { beginsBoot } from '../../../src/model/fleet/begins.ts';
import type { Boot } from '../../../src/model/fleet/boot.ts';
import { ADDRESS, aBoot, aTracker, eventsOf, MAC } from './machines.ts';

const events = eventsOf();

/** Has a tracker observe events, each a second after the one before. */
function observe(all: readonly (BootEvent | readonly BootEvent[])[]) {
  const tracker = aTracker();
  let at = 0;
  for (const each of all.flat()) {
    at += 1000;
    tracker.observe(each, at);
  }
  return { tracker, at, boot: tracker.boot(MAC) };
}

const UEFI = [events.offer(), events.ack(), events.tftpRequest(), events.tftpDone(), events.offer('ipxe')];
const FETCHED = [events.script(), events.fetched('/k'), events.fetched('/i')];

describe('a boot', () => {
  it('is one, from the first DHCP request until the system is up', () => {
    const { tracker, at } = observe([...UEFI, ...FETCHED]);
    const id = tracker.boot(MAC)?.id ?? '';
    tracker.observe(events.report(id, 'network', 'done'), at + 1000);
    tracker.observe(events.fetched('/r'), at + 2000);
    for (const stage of ['verify', 'unpack', 'switch-root', 'up']) {
      tracker.observe(events.report(id, stage, 'done'), at + 3000);
    }
    const boot = tracker.boot(MAC);
    expect(boot).toMatchObject({ id, node: 'n001', image: 'debian', stage: 'up', outcome: 'up', began: 1000 });
    expect(boot?.steps.map(({ stage }) => stage)).toEqual([
      ...['dhcp', 'boot-server', 'boot-file', 'boot-file', 'dhcp', 'script', 'kernel', 'initrd'],
      ...['network', 'root', 'verify', 'unpack', 'switch-root', 'up'],
    ]);
  });

  it('has its TFTP transfers though their machine is known only when it asks for its script', () => {
    const { boot } = observe([
      events.offer(),
      events.tftpRequest(),
      events.tftpDone(),
      events.offer('ipxe'),
      events.script(),
    ]);
    expect(boot?.steps.map(({ stage, at }) => `${stage} ${at / 1000}`)).toEqual([
      ...['dhcp 1', 'boot-file 2', 'boot-file 3', 'dhcp 4', 'script 5'],
    ]);
  });

  it('knows the downloads of its initrd by the address that it reports from', () => {
    const { tracker, at, boot } = observe([...UEFI, ...FETCHED]);
    const initrd = '192.0.2.8';
    const report = { ...events.report(boot?.id ?? '', 'network', 'done'), client: initrd };
    tracker.observe(report, at + 1000);
    tracker.observe({ ...events.fetched('/r'), mac: undefined, client: initrd }, at + 2000);
    expect(tracker.boot(MAC)?.steps.at(-1)).toMatchObject({ stage: 'root', happening: 'done' });
  });

  it('does not take the transfers of another machine that had its address', () => {
    const other = eventsOf('52:54:00:00:00:02' as typeof MAC, ADDRESS);
    const { tracker } = observe([other.offer(), other.script(), events.offer(), events.script(), events.tftpDone()]);
    expect(tracker.boot(MAC)?.steps.map(({ stage }) => stage)).toContain('boot-file');
    expect(tracker.boot('52:54:00:00:00:02' as typeof MAC)?.steps.map(({ stage }) => stage)).not.toContain('boot-file');
  });

  it('ends as failed where the initrd gives up, and goes on when that is tried again', () => {
    const { tracker, at, boot } = observe([...UEFI, ...FETCHED]);
    const id = boot?.id ?? '';
    tracker.observe(events.report(id, 'network', 'failed'), at);
    expect(tracker.boot(MAC)?.outcome).toBe('failed');
    tracker.observe(events.report(id, 'network', 'done'), at);
    expect(tracker.boot(MAC)?.outcome).toBe('under-way');
  });

  it('hears no report of another boot, and none of what is no stage', () => {
    const { tracker, boot } = observe([...UEFI, ...FETCHED]);
    expect(tracker.observe(events.report('f'.repeat(16), 'up', 'done'), 1)).toEqual([]);
    expect(tracker.observe(events.report(boot?.id ?? '', 'moon', 'done'), 1)).toEqual([]);
  });

  it('notes progress now and then, and a bounded number of steps', () => {
    const { tracker, at, boot } = observe([...UEFI, ...FETCHED]);
    const report = (happening: string, later: number) =>
      tracker.observe(events.report(boot?.id ?? '', 'root', happening), at + later).length;
    expect([0, 1000, 4999, 5000, 6000].map((later) => report('progress', later))).toEqual([1, 0, 0, 1, 0]);
    for (let n = 0; n < 500; n++) report('done', 7000 + n);
    expect(tracker.boot(MAC)?.steps).toHaveLength(200);
    expect(tracker.observe(events.report(boot?.id ?? '', 'up', 'done'), at + 9000)).toHaveLength(1);
  });

  it('counts how often a machine began anew', () => {
    const { tracker } = observe([...UEFI, ...FETCHED, ...UEFI, ...FETCHED, ...UEFI, ...FETCHED]);
    expect(tracker.boot(MAC)).toMatchObject({ restarts: 2 });
  });

  it('says what the boot before was stuck at', () => {
    const { tracker } = observe([...UEFI, events.script('unavailable', 'no such file: k'), ...UEFI]);
    expect(tracker.boot(MAC)).toMatchObject({ restarts: 1, before: expect.stringContaining('no such file: k') });
  });

  it('has failed where its initrd says so, not where a download breaks off or a transfer of before ends', () => {
    const { tracker, at, boot } = observe([...UEFI, ...FETCHED]);
    tracker.observe(events.report(boot?.id ?? '', 'network', 'done'), at);
    tracker.observe(events.fetched('/r', false), at);
    expect(tracker.boot(MAC)?.outcome).toBe('under-way');
    tracker.observe(events.report(boot?.id ?? '', 'root', 'failed'), at);
    tracker.observe(events.tftpFailed('client-gone'), at + 20_000);
    expect(tracker.boot(MAC)?.outcome).toBe('failed');
  });

  it('has no transfer that was never answered where another one brought the file', () => {
    const gone = { ...events.tftpFailed('client-gone'), bytes: undefined };
    const { boot } = observe([events.offer(), events.ack(), ...UEFI.slice(2, 4), { ...gone, seconds: 16 }]);
    expect(boot?.steps.map(({ happening }) => happening)).not.toContain('failed');
    const before = observe([events.offer(), events.ack(), events.tftpRequest(), { ...gone, seconds: 1 }]);
    expect(before.boot?.steps.at(-1)).toMatchObject({ reason: 'client-gone' });
  });

  it.each([undefined, 0, 1468])(
    'has no transfer of %s bytes that ended when iPXE had begun, nor loses one of iPXE',
    (bytes) => {
      const gone = { ...events.tftpFailed('client-gone'), bytes };
      const before = [events.offer(), events.ack(), events.tftpRequest(), events.offer('ipxe')];
      const ended = (seconds: number) => observe([...before, { ...gone, seconds }]).boot?.steps.at(-1);
      expect(ended(2)).toMatchObject({ stage: 'dhcp', reason: 'ipxe' });
      expect(ended(0.5)).toMatchObject({ stage: 'boot-file', reason: 'client-gone' });
    },
  );

  it('has its TFTP transfers by the address that it asked another server for', () => {
    const lease: BootEvent = { event: 'dhcp.lease', level: 'debug', message: 'lease', mac: MAC, to: ADDRESS };
    const { boot } = observe([events.offer(), lease, events.tftpMissing()]);
    expect(boot?.steps.at(-1)).toMatchObject({ stage: 'boot-file', reason: 'missing' });
  });

  it('remembers the last steps of a machine that repeats itself, and gives no more of them away', () => {
    const { tracker } = observe([events.offer()]);
    let given = 0;
    for (let n = 0; n < 1000; n++)
      given += tracker.observe(events.silent('no-boot-file', 67, `step ${n}`), 2000 + n).length;
    expect(given).toBeLessThanOrEqual(200);
    expect(tracker.boot(MAC)?.steps).toHaveLength(200);
    expect(tracker.boot(MAC)?.steps.at(-1)?.message).toBe('step 999');
  });

  it('is forgotten when 20,000 other machines were heard since', () => {
    const { tracker } = observe([events.offer()]);
    for (let n = 0; n < 20_000; n++) {
      const mac = `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
      tracker.observe(eventsOf(mac as typeof MAC).offer(), 2);
    }
    expect(tracker.boot(MAC)).toBeUndefined();
  });
});

describe('a new boot', () => {
  const at = (stage: Boot['stage'], outcome: Boot['outcome'] = 'under-way') => aBoot([{ stage }], { outcome });
  const [script] = events.script();
  const MINUTE = 60_000;
  it.each([
    ['no boot before', undefined, events.offer(), 0, true],
    ['firmware repeats its request', at('dhcp'), events.offer(), 1000, false],
    ['firmware asks port 4011', at('dhcp'), events.ack(), 1000, false],
    ['firmware tries again after TFTP failed', at('boot-file'), events.offer(), MINUTE, false],
    ['iPXE asks DHCP', at('boot-file'), events.offer('ipxe'), 1000, false],
    ['iPXE asks for its script', at('boot-file'), script, 1000, false],
    ['iPXE tries again after the kernel failed', at('kernel'), script, 1000, false],
    ['firmware asks after iPXE had its script', at('script'), events.offer(), MINUTE, true],
    ["a network card's own iPXE asks after the initrd came", at('initrd'), events.offer('ipxe'), MINUTE, true],
    ["a network card's own iPXE asks after it had a script", at('script'), events.offer('ipxe'), MINUTE, true],
    ["a doubled request of iPXE's comes after its script", at('script'), events.offer('ipxe'), 20, false],
    ['firmware asks after the root came', at('root'), events.offer(), MINUTE, true],
    ["a network card's own iPXE asks after the root came", at('root'), events.offer('ipxe'), MINUTE, true],
    ['a script is asked for after the root came', at('root'), script, MINUTE, true],
    ['a machine that is up asks DHCP', at('up', 'up'), events.offer(), MINUTE, true],
    ['a machine that is up downloads something', at('up', 'up'), events.fetched('/r'), MINUTE, false],
    ['long silence', at('dhcp'), events.offer(), 31 * MINUTE, true],
    ['a report after long silence', at('root'), events.report('x', 'up', 'done'), 31 * MINUTE, false],
  ] as const)('%s: %#', (_, before, event, later, begins) => {
    expect(beginsBoot(before, event as BootEvent, (before?.last ?? 0) + later)).toBe(begins);
  });
});
