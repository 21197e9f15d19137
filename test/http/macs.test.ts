import { expect, it } from 'vitest';
import { withMacs } from '../../src/http/macs.ts';
import type { BootEvent } from '../../src/model/event.ts';

it('adds the MAC address to downloads where one machine alone asked for a script from there', () => {
  const events: BootEvent[] = [];
  let now = 0;
  const record = withMacs(
    (event) => events.push(event),
    () => now,
  );
  const script = (client: string, mac: string) =>
    record({ event: 'http.script', level: 'info', message: '', client, mac });
  const macOf = (client: string) => {
    record({ event: 'http.download', level: 'info', message: '', client });
    return events.at(-1)?.mac;
  };
  script('192.0.2.1', 'a');
  script('192.0.2.1', 'a');
  expect([macOf('192.0.2.1'), macOf('192.0.2.2')]).toEqual(['a', undefined]);
  script('192.0.2.1', 'b');
  expect(macOf('192.0.2.1')).toBeUndefined();
  now += 11 * 60_000;
  script('192.0.2.1', 'b');
  expect(macOf('192.0.2.1')).toBe('b');
  for (let i = 0; i < 20_000; i++) script(`198.51.${i >> 8}.${i & 255}`, 'x');
  expect(macOf('192.0.2.1')).toBeUndefined();
});
