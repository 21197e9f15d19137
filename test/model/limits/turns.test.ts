import { expect, it } from 'vitest';
import { createTurns } from '../../../src/model/limits/turns.ts';

it('runs so many at a time, the others in order, also after a failure', async () => {
  const inTurn = createTurns(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const run = (n: number) =>
    inTurn(async () => {
      begun.push(n);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (n === 0) throw new Error('failed');
      return n;
    });
  const [first, ...others] = [0, 1, 2, 3].map(run);
  await expect.poll(() => begun).toEqual([0, 1]);
  ends[0]?.();
  await expect(first).rejects.toThrow('failed');
  await expect.poll(() => begun).toEqual([0, 1, 2]);
  ends[1]?.();
  await expect.poll(() => begun).toEqual([0, 1, 2, 3]);
  for (const end of ends) end();
  expect(await Promise.all(others)).toEqual([1, 2, 3]);
});
