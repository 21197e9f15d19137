import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { StepWriter } from '../../src/daemon/fleet/keeping/step-writer.ts';
import type { BootChange, BootStore } from '../../src/model/fleet/boot-store.ts';
import { aTracker, eventsOf } from '../model/fleet/machines.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A change that a boot makes; different ones are told apart by their time. */
function aChange(at: number): BootChange {
  const [change] = aTracker().observe(eventsOf().offer('pxe'), at);
  if (!change) throw new Error('an offer begins a boot');
  return change;
}

it('goes on to write after a step came while a lot was being written', async () => {
  const written: number[] = [];
  const held: (() => void)[] = [];
  const add = async (changes: readonly BootChange[]) => {
    await new Promise<void>((resolve) => held.push(resolve));
    written.push(...changes.map(({ step }) => step.at));
  };
  const writer = new StepWriter({ add } as BootStore);
  writer.add([aChange(1)]);
  await vi.advanceTimersByTimeAsync(100);
  writer.add([aChange(2)]);
  held.shift()?.();
  await vi.advanceTimersByTimeAsync(0);
  held.shift()?.();
  // The second step has gone with the first; the time that was set for it finds nothing to write.
  await vi.advanceTimersByTimeAsync(1000);
  writer.add([aChange(3)]);
  await vi.advanceTimersByTimeAsync(100);
  held.shift()?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(written).toEqual([1, 2, 3]);
});

it('goes on to write after it was asked to when nothing waited', async () => {
  const written: number[] = [];
  const add = async (changes: readonly BootChange[]) => void written.push(...changes.map(({ step }) => step.at));
  const writer = new StepWriter({ add } as BootStore);
  await writer.writeNow();
  writer.add([aChange(1)]);
  await vi.advanceTimersByTimeAsync(100);
  expect(written).toEqual([1]);
});
