import { describe, expect, it } from 'vitest';
import type { Boot } from '../../../src/model/fleet/boot.ts';
import {
  advance,
  getsNewest,
  type ImageVersion,
  type Rollout,
  type RolloutMachine,
  settleMachine,
  withVersion,
} from '../../../src/model/fleet/next/rollout.ts';
import { MAC } from './machines.ts';

const version = (id: string): ImageVersion => ({ id, root: { method: 'none' }, pins: [] });
const POLICY = { rollout: { canary: 2, part: 25, within: 600 }, keepLastGood: true };
const KEEP = { keepLastGood: true };
const NONE: ReadonlyMap<string, RolloutMachine> = new Map();

const machine = (result: RolloutMachine['result'], failures = 0): RolloutMachine => {
  return { version: 'v2', boot: 'b', at: 0, result, failures };
};
const machines = (...results: readonly RolloutMachine['result'][]) =>
  new Map(results.map((result, index) => [`n${index}`, machine(result)]));
const state = (phase: Rollout['phase']): Rollout => ({ image: 'i', next: version('v2'), before: version('v1'), phase });
const boot = (outcome: Boot['outcome']): Boot => {
  const about = { id: 'b', mac: MAC, node: 'n0', image: 'i', version: undefined, began: 0, last: 0 };
  return { ...about, stage: 'root', outcome };
};

describe('a new version', () => {
  it('is the first one for all machines, where there was none before', () => {
    expect(withVersion(undefined, NONE, 'i', version('v1'), POLICY)).toMatchObject({
      phase: 'all',
      next: { id: 'v1' },
    });
  });

  it('goes to some first where the image says so', () => {
    const first = withVersion(undefined, NONE, 'i', version('v1'), POLICY);
    const second = withVersion(first, NONE, 'i', version('v2'), POLICY);
    expect(second).toMatchObject({ phase: 'canary', next: { id: 'v2' }, before: { id: 'v1' } });
    expect(withVersion(first, NONE, 'i', version('v2'), KEEP)).toMatchObject({ phase: 'all', before: { id: 'v1' } });
  });

  it('does not take the place of the good one before it has come up', () => {
    expect(withVersion(state('canary'), machines('up'), 'i', version('v3'), POLICY).before?.id).toBe('v1');
    expect(withVersion(state('stopped'), machines('failed'), 'i', version('v3'), POLICY).before?.id).toBe('v1');
    expect(withVersion(state('all'), machines('failed'), 'i', version('v3'), KEEP).before?.id).toBe('v1');
    expect(withVersion(state('all'), machines('failed', 'up'), 'i', version('v3'), KEEP).before?.id).toBe('v2');
  });
});

describe('a rollout', () => {
  it('goes on once all that may have it are up', () => {
    expect(advance(state('canary'), machines('up'), POLICY, 100).phase).toBe('canary');
    expect(advance(state('canary'), machines('up', 'under-way'), POLICY, 100).phase).toBe('canary');
    expect(advance(state('canary'), machines('up', 'up'), POLICY, 100).phase).toBe('part');
    expect(advance(state('canary'), machines('up'), POLICY, 1).phase).toBe('part');
    expect(advance(state('part'), machines(...Array(24).fill('up')), POLICY, 100).phase).toBe('part');
    expect(advance(state('part'), machines(...Array(25).fill('up')), POLICY, 100).phase).toBe('all');
    const whole = { ...POLICY, rollout: { ...POLICY.rollout, part: 100 } };
    expect(advance(state('canary'), machines('up', 'up'), whole, 100).phase).toBe('all');
  });

  it('stops where one does not come up', () => {
    expect(advance(state('part'), machines('up', 'failed', 'up'), POLICY, 100)).toMatchObject({
      phase: 'stopped',
      why: 'n1 did not come up with it',
    });
  });

  it('gives the newest to as many as may have it', () => {
    expect(getsNewest(state('canary'), machines('under-way'), 'n9', POLICY, 100)).toBe(true);
    expect(getsNewest(state('canary'), machines('under-way', 'up'), 'n9', POLICY, 100)).toBe(false);
    expect(getsNewest(state('canary'), machines('under-way', 'up'), 'n0', POLICY, 100)).toBe(true);
    expect(getsNewest(state('all'), NONE, 'n9', POLICY, 100)).toBe(true);
    expect(getsNewest({ ...state('stopped'), before: undefined }, NONE, 'n9', POLICY, 100)).toBe(true);
  });

  it('that is stopped leaves it to those that are up', () => {
    expect(getsNewest(state('stopped'), machines('up', 'failed'), 'n0', POLICY, 100)).toBe(true);
    expect(getsNewest(state('stopped'), machines('up', 'failed'), 'n1', POLICY, 100)).toBe(false);
    expect(getsNewest(state('stopped'), machines('up', 'failed'), 'n9', POLICY, 100)).toBe(false);
  });
});

describe('a machine', () => {
  it('has failed when its boot has, when another followed it, or when its time is over', () => {
    const under = machine('under-way');
    expect(settleMachine(under, boot('up'), POLICY, 1)).toMatchObject({ result: 'up', failures: 0 });
    expect(settleMachine(under, boot('failed'), POLICY, 1)).toMatchObject({ result: 'failed', failures: 1 });
    expect(settleMachine(under, boot('unfinished'), KEEP, 1)).toMatchObject({ result: 'failed' });
    expect(settleMachine(under, boot('under-way'), POLICY, 600_001)).toMatchObject({ result: 'failed' });
    expect(settleMachine(under, undefined, KEEP, 1e12)).toBe(under);
    expect(settleMachine(machine('up'), boot('failed'), POLICY, 1)).toMatchObject({ result: 'up' });
  });

  it('on which a version failed twice gets the one before', () => {
    const one = new Map([['n0', machine('failed', 1)]]);
    const two = new Map([['n0', machine('failed', 2)]]);
    expect(getsNewest(state('all'), one, 'n0', KEEP, 10)).toBe(true);
    expect(getsNewest(state('all'), two, 'n0', KEEP, 10)).toBe(false);
    expect(getsNewest(state('all'), two, 'n1', KEEP, 10)).toBe(true);
    expect(getsNewest(state('all'), two, 'n0', { keepLastGood: false }, 10)).toBe(true);
  });
});
