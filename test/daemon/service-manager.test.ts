import { expect, test, vi } from 'vitest';
import { findManager, tellManager, watchdogEvery } from '../../src/daemon/serving/service-manager.ts';

test('the watchdog is told twice in its time, and only by the process that it watches', () => {
  expect(watchdogEvery({ WATCHDOG_USEC: '30000000' }, 5)).toBe(15_000);
  expect(watchdogEvery({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '5' }, 5)).toBe(15_000);
  expect(watchdogEvery({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '6' }, 5)).toBeUndefined();
  expect(watchdogEvery({}, 5)).toBeUndefined();
  expect(watchdogEvery({ WATCHDOG_USEC: 'never' }, 5)).toBeUndefined();
});

test('what systemd is told', () => {
  vi.useFakeTimers();
  try {
    const sent: string[] = [];
    const socket = {
      send: (bytes: Uint8Array) => {
        sent.push(Buffer.from(bytes).toString());
        return 0;
      },
    };
    const manager = tellManager(socket, 100, () => 12.5);
    vi.advanceTimersByTime(250);
    manager.ready('serving\n2 nodes');
    manager.reloading();
    manager.stopping();
    expect(sent).toEqual([
      ...['WATCHDOG=1', 'WATCHDOG=1', 'READY=1\nSTATUS=serving 2 nodes'],
      ...['RELOADING=1\nMONOTONIC_USEC=12500', 'STOPPING=1'],
    ]);
  } finally {
    vi.useRealTimers();
  }
});

test('without systemd nothing is told', async () => {
  const manager = await findManager({}, 5);
  expect(() => manager.ready('serving')).not.toThrow();
});
