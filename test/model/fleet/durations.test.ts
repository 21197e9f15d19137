import { describe, expect, it } from 'vitest';
import { durationsOf, medianDurations } from '../../../src/model/fleet/durations.ts';
import { aBoot } from './machines.ts';

const boot = (...ends: readonly (readonly [stage: 'dhcp' | 'script' | 'root' | 'up', at: number])[]) =>
  aBoot(ends.map(([stage, at]) => ({ stage, at })));

describe('the durations of a boot', () => {
  it('are counted from the end of the stage before', () => {
    const found = durationsOf(boot(['dhcp', 0], ['dhcp', 3], ['script', 10], ['root', 40], ['up', 100]));
    expect([...found]).toEqual([
      ['dhcp', 3],
      ['script', 7],
      ['root', 30],
      ['up', 60],
    ]);
  });

  it('are never below zero, in whatever order the steps came', () => {
    expect([...durationsOf(boot(['dhcp', 30], ['script', 10], ['root', 40]))]).toEqual([
      ['dhcp', 30],
      ['script', 0],
      ['root', 10],
    ]);
  });

  it('have medians over the boots that came to a stage', () => {
    const boots = [boot(['dhcp', 1]), boot(['dhcp', 5]), boot(['dhcp', 9], ['up', 20])];
    expect([...medianDurations(boots)]).toEqual([
      ['dhcp', 5],
      ['up', 11],
    ]);
    expect([...medianDurations([])]).toEqual([]);
  });
});
