import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Message, WebhookQueue } from '../../../src/daemon/observe/webhook-queue.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A queue for a receiver, and what became of it. */
function aQueue(receive: (message: Message, signal: AbortSignal) => Promise<string | undefined>) {
  const tries: string[] = [];
  const told: string[] = [];
  const kept = new Set<string>();
  const queue = new WebhookQueue({
    send: receive,
    keep: async ({ id }) => void kept.add(id),
    forget: async ({ id }) => void kept.delete(id),
    tried: (result) => void tries.push(result),
    failing: (why) => void told.push(why),
    back: (lost) => void told.push(`back, ${lost} lost`),
    monotonic: () => Date.now(),
  });
  const add = (count: number, body = '{}') => {
    for (let n = 0; n < count; n++) queue.add({ id: String(n), body, at: Date.now() });
  };
  const count = (result: string) => tries.filter((each) => each === result).length;
  return { queue, add, told, count, kept };
}

describe('events for a receiver', () => {
  it('are each taken once where it answers, a few at a time', async () => {
    let [now, most] = [0, 0];
    const got: string[] = [];
    const { queue, add, told, count, kept } = aQueue(async ({ id }) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 10));
      now -= 1;
      got.push(id);
      return undefined;
    });
    add(100);
    await vi.advanceTimersByTimeAsync(1000);
    expect(got.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 100 }, (_, n) => String(n)));
    expect([most, count('sent'), queue.size, told, kept.size]).toEqual([4, 100, 0, [], 0]);
  });

  it('come all, where it fails half of the time', async () => {
    const got = new Map<string, number>();
    let turn = 0;
    const { queue, add, count, kept } = aQueue(async ({ id }) => {
      got.set(id, (got.get(id) ?? 0) + 1);
      return turn++ % 2 === 0 ? 'it answered 503' : undefined;
    });
    add(200);
    await vi.advanceTimersByTimeAsync(1);
    expect(kept.size).toBe(100);
    await vi.advanceTimersByTimeAsync(600_000);
    expect([got.size, count('sent'), count('dropped'), queue.size, kept.size]).toEqual([200, 200, 0, 0, 0]);
  });

  it('wait longer each time, and are given up after an hour', async () => {
    const times: number[] = [];
    const { queue, add, told, count, kept } = aQueue(async () => {
      times.push(Date.now());
      return 'it answered 500';
    });
    add(1);
    await vi.advanceTimersByTimeAsync(3_700_000);
    const pauses = times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1000);
    expect(pauses[0]).toBeGreaterThan(0.7);
    expect(pauses[4]).toBeGreaterThan((pauses[0] ?? 0) * 8);
    expect(Math.max(...pauses)).toBeLessThan(361);
    expect([queue.size, count('dropped'), told, kept.size]).toEqual([0, 1, ['it answered 500'], 0]);
    expect(times.length).toBeLessThan(40);
  });

  it('that are too many or too long push out the oldest, and the receiver is told of when it is back', async () => {
    let isAway = true;
    const { queue, add, told, count } = aQueue(async () => (isAway ? 'connect ECONNREFUSED' : undefined));
    add(3000);
    expect(queue.size).toBeLessThanOrEqual(1004);
    await vi.advanceTimersByTimeAsync(1);
    add(5, 'x'.repeat(1024 * 1024));
    expect(queue.size).toBeLessThanOrEqual(5);
    expect(count('dropped')).toBeGreaterThan(2990);
    isAway = false;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(queue.size).toBe(0);
    expect(told[0]).toBe('connect ECONNREFUSED');
    expect(told[1]).toMatch(/^back, \d{4} lost$/);
  });

  it('are sent before the end where the receiver answers, and do not hold it up where it does not', async () => {
    const quick = aQueue(async () => undefined);
    quick.add(50);
    const ended = quick.queue.stop(3000);
    await vi.advanceTimersByTimeAsync(1);
    await ended;
    expect(quick.count('sent')).toBe(50);
    const slow = aQueue((_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('x'))));
    slow.add(50);
    const stopped = slow.queue.stop(3000);
    await vi.advanceTimersByTimeAsync(3001);
    await stopped;
    expect([slow.queue.size, slow.count('sent'), slow.kept.size]).toEqual([0, 0, 50]);
  });

  it('of an earlier daemon are tried at once, and for the rest of their hour', async () => {
    const times: number[] = [];
    const { queue, count } = aQueue(async () => {
      times.push(Date.now());
      return 'it answered 500';
    });
    const now = Date.now();
    queue.add({ id: 'old', body: '{}', at: now - 3_000_000 }, 3_000_000);
    await vi.advanceTimersByTimeAsync(610_000);
    expect(times[0]).toBe(now);
    expect([queue.size, count('dropped')]).toEqual([0, 1]);
  });
});
