import { expect, test } from 'vitest';
import { listUnknown } from '../../src/daemon/fleet/unknown-machines.ts';
import type { BootEvent } from '../../src/model/event.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import { aConfig } from '../support/config.ts';

const asked = (mac: string): BootEvent => ({ event: 'dhcp.silent', level: 'debug', message: 'no answer', mac });

test('machines that no node names are listed at info, each once, up to a bound', () => {
  const events: BootEvent[] = [];
  const record = listUnknown(
    (event) => events.push(event),
    () => aConfig(),
    new KnownFacts(),
  );
  const listed = () => events.filter(({ event }) => event === 'machine.unknown');
  for (const mac of ['52:54:00:00:00:01', '02:00:00:00:00:09', '02:00:00:00:00:09', 'nonsense']) record(asked(mac));
  record({ event: 'ready', level: 'info', message: 'ready' });
  expect(events).toHaveLength(6);
  expect(listed()).toEqual([
    {
      event: 'machine.unknown',
      level: 'info',
      message: '02:00:00:00:00:09 asked, and no node has this address: unknown machines get "action: ignore"',
      mac: '02:00:00:00:00:09',
    },
  ]);
  for (let i = 0; i < 3000; i++)
    record(asked(`02:00:00:01:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`));
  expect(listed()).toHaveLength(1001);
  expect(listed().at(-1)?.message).toContain('no more of them');
});
