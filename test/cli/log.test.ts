import { expect, test } from 'vitest';
import { formatEvent } from '../../src/daemon/log/format.ts';

const TIME = new Date('2026-01-02T03:04:05.678Z');

test('a line for people', () => {
  expect(
    formatEvent('text', TIME, {
      event: 'dhcp.offer',
      level: 'info',
      message: 'offered',
      mac: '52:54:00:00:00:01',
      n: 2,
    }),
  ).toBe('2026-01-02T03:04:05.678Z info  dhcp.offer: offered mac=52:54:00:00:00:01 n=2');
});

test('a line for programs', () => {
  expect(JSON.parse(formatEvent('json', TIME, { event: 'ready', level: 'info', message: 'up' }))).toEqual({
    time: '2026-01-02T03:04:05.678Z',
    event: 'ready',
    level: 'info',
    message: 'up',
  });
});

test.each(['text', 'json'] as const)('what the network sent cannot forge a line or hide one (%s)', (format) => {
  const hostile = 'a\n2026 error forged: x\r\u001b[2J\u2028\u202e\u0000"';
  const line = formatEvent(format, TIME, { event: 'tftp.missing', level: 'info', message: hostile, file: hostile });
  expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
  if (format === 'json') expect(JSON.parse(line).file).toBe(hostile);
});
