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
  // Other levels have bounds of their own.
  record({ ...event, level: 'info' });
  expect(recorded).toHaveLength(51);
  now = 1000;
  record(event);
  record(event);
  expect(recorded.slice(51)).toEqual([{ ...event, suppressed: 950 }, event]);
});
