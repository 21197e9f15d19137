import { describe, expect, it } from 'vitest';
import type { BootStep, BootWithSteps } from '../../../src/model/fleet/boot.ts';
import { decideInstallation, decideOrder, hasStarted, type Order } from '../../../src/model/fleet/next/next-boot.ts';
import { MAC } from './machines.ts';

function aBoot(steps: readonly Partial<BootStep>[], outcome: BootWithSteps['outcome'] = 'under-way'): BootWithSteps {
  const all = steps.map((step): BootStep => ({ at: 1, stage: 'dhcp', happening: 'done', message: '', ...step }));
  const about = { id: 'a', mac: MAC, node: 'n001', image: 'x', version: undefined, began: 0, last: 1 };
  return { ...about, stage: all.at(-1)?.stage ?? 'dhcp', outcome, steps: all };
}

const started = aBoot([{ stage: 'script' }, { stage: 'kernel' }, { stage: 'initrd' }]);
const broken = aBoot([{ stage: 'script' }, { stage: 'kernel' }, { stage: 'initrd', happening: 'failed' }]);
const order: Order = { machine: 'n001', image: 'rescue', repeat: 'once', at: 0, by: 'admin' };

describe('a machine has what it was to boot', () => {
  it('once it has left iPXE, and its initrd has not failed', () => {
    expect(hasStarted(started)).toBe(true);
    expect(hasStarted(aBoot([{ stage: 'kernel' }, { stage: 'root', happening: 'progress' }]))).toBe(true);
    expect(hasStarted(broken)).toBe(false);
    expect(hasStarted(aBoot([{ stage: 'script' }]))).toBe(false);
    expect(hasStarted(aBoot([{ stage: 'initrd' }, { stage: 'root', happening: 'failed' }], 'failed'))).toBe(false);
    expect(hasStarted(aBoot([{ stage: 'initrd' }, { stage: 'up' }], 'up'))).toBe(true);
  });
});

describe('an order for the next boot', () => {
  it('is for the first boot that asks, however often that one does', () => {
    const first = decideOrder(order, 'b1', undefined);
    expect(first).toEqual({ boots: 'rescue', next: { ...order, boot: 'b1' } });
    expect(decideOrder({ ...order, boot: 'b1' }, 'b1', undefined).boots).toBe('rescue');
  });

  it('is over for the boot behind one that has started', () => {
    expect(decideOrder({ ...order, boot: 'b1' }, 'b2', started)).toEqual({ boots: undefined, next: undefined });
  });

  it('is given again where the boot with it did not get that far', () => {
    const again = { boots: 'rescue', next: { ...order, boot: 'b2' } };
    expect(decideOrder({ ...order, boot: 'b1' }, 'b2', broken)).toEqual(again);
    expect(decideOrder({ ...order, boot: 'b1' }, 'b2', undefined)).toEqual(again);
  });

  it('to hold stays', () => {
    const hold = { ...order, repeat: 'hold', boot: 'b1' } as const;
    expect(decideOrder(hold, 'b2', started)).toEqual({ boots: 'rescue', next: hold });
  });
});

describe('an image that is booted once', () => {
  const wanted = { machine: 'n001', once: 'installer', afterwards: 'local' };
  const begun = { machine: 'n001', image: 'installer', boot: 'b1', done: false };

  it('is booted until it has started, and then what follows it', () => {
    expect(decideInstallation(wanted, undefined, 'b1', undefined)).toEqual({ boots: 'installer', next: begun });
    expect(decideInstallation(wanted, begun, 'b1', undefined)).toEqual({ boots: 'installer', next: begun });
    expect(decideInstallation(wanted, begun, 'b2', broken).boots).toBe('installer');
    const done = decideInstallation(wanted, begun, 'b2', started);
    expect(done).toEqual({ boots: 'local', next: { ...begun, done: true } });
    expect(decideInstallation(wanted, { ...begun, done: true }, 'b3', undefined).boots).toBe('local');
  });

  it('is booted again where it is another image by now', () => {
    const other = decideInstallation({ ...wanted, once: 'other' }, { ...begun, done: true }, 'b4', started);
    expect(other).toEqual({ boots: 'other', next: { machine: 'n001', image: 'other', boot: 'b4', done: false } });
  });
});
