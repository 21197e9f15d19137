import { expect, it } from 'vitest';
import { createBusyWait } from '../../src/tftp/busy-wait.ts';

/** A wait on a clock that moves by 0.1 ms with each look at the socket, where packets come at these times, milliseconds. */
function waitFor(arrivals: readonly number[]) {
  let time = 0;
  let looks = 0;
  const left = [...arrivals];
  let others = (): void => {};
  const wait = createBusyWait(
    () => time,
    (callback) => {
      others = callback;
    },
  );
  const take = () => {
    time += 0.1;
    looks += 1;
    if ((left[0] ?? Number.POSITIVE_INFINITY) > time) return false;
    left.shift();
    return true;
  };
  return {
    left,
    /** A packet that the event loop brings in a turn of its own, or another one in the same. */
    turn(worthwhile = () => true, same = false): number {
      looks = 0;
      if (!same) others();
      wait(take, worthwhile);
      return looks;
    },
  };
}

it('takes packet after packet until none comes for a while', () => {
  const { left, turn } = waitFor([0.1, 0.2, 0.4]);
  expect(turn()).toBeGreaterThanOrEqual(6);
  expect(left).toEqual([]);
});

it('lets others have their turn after a millisecond, however many come', () => {
  const { left, turn } = waitFor(Array.from({ length: 100 }, (_, i) => i / 10));
  expect(turn()).toBeLessThanOrEqual(11);
  expect(left.length).toBeGreaterThanOrEqual(89);
  // Where the event loop has another packet at hand, what is there is taken; after five milliseconds not even that.
  expect(turn(() => true, true)).toBe(1);
  const rest = Array.from({ length: 100 }, () => turn(() => true, true)).reduce((sum, looks) => sum + looks);
  expect(rest).toBeGreaterThan(30);
  expect(rest).toBeLessThanOrEqual(40);
  expect(turn()).toBeGreaterThan(0);
});

it('leaves a slow client to the event loop, and tries it again now and then', () => {
  const { turn } = waitFor([]);
  const turns = Array.from({ length: 200 }, () => turn());
  const tried = turns.flatMap((looks, i) => (looks > 0 ? [i] : []));
  expect(tried.slice(0, 7)).toEqual([0, 2, 6, 14, 30, 62, 126]);
  expect(tried[7]).toBe(190);
});

it('waits for each packet again once one came', () => {
  const { turn } = waitFor([0.4, 0.5]);
  expect(turn()).toBeGreaterThan(0);
  expect(turn()).toBe(0);
  expect(turn()).toBeGreaterThan(0);
  expect(turn()).toBeGreaterThan(0);
});

it('does not begin, and ends, where it is not worthwhile', () => {
  const { left, turn } = waitFor([0.1, 0.2, 0.3]);
  expect(turn(() => false)).toBe(0);
  expect(turn(() => left.length > 2)).toBe(1);
  // That was not in vain.
  expect(turn()).toBeGreaterThan(0);
});
