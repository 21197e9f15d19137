import { describe, expect, it } from 'vitest';
import { SourceBudget } from '../../src/model/limits/source-budget.ts';

function budget(burst: number, perSecond: number) {
  const told: string[] = [];
  return { told, bucket: new SourceBudget({ burst, perSecond }, (source) => told.push(source)) };
}

describe('the budget of a source', () => {
  it('is a burst and then a rate, for each source by itself', () => {
    const { bucket } = budget(3, 2);
    const granted = (source: string, now: number) => bucket.take(source, now);
    expect([0, 0, 0, 0].map((now) => granted('a', now))).toEqual([true, true, true, false]);
    expect(granted('b', 0)).toBe(true);
    expect([499, 500, 600].map((now) => granted('a', now))).toEqual([false, true, false]);
    expect(Array.from({ length: 5 }, () => granted('a', 60_000))).toEqual([true, true, true, false, false]);
  });

  it('is told of once until the bucket was full again', () => {
    const { bucket, told } = budget(2, 1);
    for (let i = 0; i < 10; i++) bucket.take('a', 0);
    bucket.take('a', 1500);
    bucket.take('a', 1500);
    expect(told).toEqual(['a']);
    for (let i = 0; i < 3; i++) bucket.take('a', 10_000);
    expect(told).toEqual(['a', 'a']);
  });

  it('is given back, but never becomes more than the burst', () => {
    const { bucket } = budget(2, 0);
    for (let i = 0; i < 100; i++) {
      expect(bucket.take('a', 0)).toBe(true);
      bucket.giveBack('a');
    }
    for (let i = 0; i < 9; i++) bucket.giveBack('a');
    bucket.giveBack('a stranger');
    expect([0, 0, 0].map((now) => bucket.take('a', now))).toEqual([true, true, false]);
  });

  it('is remembered of a bounded number of sources, those heard last', () => {
    const { bucket } = budget(1, 0);
    bucket.take('a', 0);
    for (let i = 0; i < 100_000; i++) {
      bucket.take(`${i}`, 0);
      if (i % 1000 === 0) expect(bucket.take('a', 0)).toBe(false);
    }
    expect(bucket.size).toBe(16_384);
  });
});
