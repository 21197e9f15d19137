import { expect, it } from 'vitest';
import type { BootEvent } from '../../src/model/event.ts';
import { rateLimitedLog } from '../../src/model/limits/rate-limited-log.ts';

it('a flood of packets is no flood of events, and nothing is left out in silence', () => {
  const recorded: BootEvent[] = [];
  let counted = 0;
  let now = 0;
  const count = () => {
    counted += 1;
  };
  const record = rateLimitedLog(
    Object.assign((event: BootEvent) => void recorded.push(event), { count }),
    () => now,
  );
  const event: BootEvent = { event: 'tftp.failed', level: 'warn', message: 'x' };
  for (let n = 0; n < 1000; n++) record(event);
  expect(recorded).toEqual(Array(50).fill(event));
  expect(counted).toBe(950);
  // Other levels and names have bounds of their own.
  record({ ...event, level: 'info' });
  record({ ...event, event: 'tftp.limited' });
  expect(recorded).toHaveLength(52);
  now = 1000;
  record(event);
  record(event);
  expect(recorded.slice(52)).toEqual([{ ...event, suppressed: 950 }, event]);
});

it("hears of a thousand machines' leases in some seconds, beside a flood of other packets", () => {
  const recorded: BootEvent[] = [];
  let now = 0;
  const record = rateLimitedLog(
    (event) => recorded.push(event),
    () => now,
  );
  const flood: BootEvent = { event: 'dhcp.silent', level: 'debug', message: 'x' };
  const lease: BootEvent = { event: 'dhcp.lease', level: 'debug', message: 'x' };
  for (; now < 2500; now += 2.5) {
    record(flood);
    record(flood);
    record(lease);
  }
  expect(recorded.filter(({ event }) => event === 'dhcp.lease')).toHaveLength(1000);
  expect(recorded.filter(({ event }) => event === 'dhcp.silent')).toHaveLength(150);
});
