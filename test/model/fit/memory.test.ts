import { describe, expect, it, test } from 'vitest';
import {
  certainMemory,
  formatMemory,
  leastRootMemory,
  likelyMemory,
  parseMemory,
} from '../../../src/model/boot/fit/memory.ts';
import { plannedMemory } from '../../../src/model/boot/fit/planned-memory.ts';
import { defaultRoot } from '../../../src/model/boot/root-methods/methods.ts';
import { anImage, mac, settings, sourced } from '../../support/config.ts';

const MIB = 1024 * 1024;

test.each([
  ['2 GiB', 2048],
  ['512 MiB', 512],
  ['1.5GiB', 1536],
  ['1 TiB', 1024 * 1024],
  ['640', 640],
])('"%s" is an amount of memory', (text, mib) => expect(parseMemory(text)).toBe(mib * MIB));

test.each(['', '0', '2 GB', '2G', '-1', '1e3', '2 gib', '1,5 GiB', '9999999999', '999999999 TiB'])(
  '"%s" is none',
  (text) => expect(parseMemory(text)).toBeUndefined(),
);

it.each([
  [512 * MIB, '512 MiB'],
  [2048 * MIB, '2 GiB'],
  [3174 * MIB, '3.1 GiB'],
])('%i bytes are %s', (bytes, text) => expect(formatMemory(bytes)).toBe(text));

/** The measurements of docs/roots.md: the least memory that boots, in steps of 32 MB, and what the image is. */
describe('the estimate', () => {
  it.each([
    ['lazy', {}, 59e6, 192],
    ['image', {}, 59e6, 256],
    ['live', {}, 59e6, 256],
    ['bootc-live', {}, 66e6, 416],
    ['container-root', {}, 66e6, 416],
    ['bootc-live', { zram: '1G' }, 66e6, 256],
  ])('of %s %o is that which was measured', (method, changes, bytes, measured) => {
    const root = { ...defaultRoot(method), ...changes };
    const mib = likelyMemory(root, { bytes, unpacked: 222e6, packed: true }, 23e6) / MIB;
    expect(mib).toBeLessThanOrEqual(measured);
    expect(mib).toBeGreaterThan(measured - 32);
  });

  it('takes Debian’s figure for a tree of unknown size, and an archive that is not packed for its tree', () => {
    const root = defaultRoot('container-root');
    const known = likelyMemory(root, { bytes: 66e6, unpacked: 215e6, packed: true }, 0);
    expect(likelyMemory(root, { bytes: 66e6, packed: true }, 0)).toBeCloseTo(known);
    expect(likelyMemory(root, { bytes: 215e6, packed: false }, 0)).toBeCloseTo(known);
  });

  it('grows with what is kept beside the tree', () => {
    const of = (changes: object) =>
      leastRootMemory({ ...defaultRoot('bootc-live'), ...changes }, { bytes: 66e6, unpacked: 215e6 });
    expect(of({ kexec: true }) - of({})).toBeCloseTo(66e6);
    expect(of({ kexec: true, reuse_image: false })).toBe(of({}));
    expect(of({ delivery: 'initrd' }) - of({})).toBeCloseTo(66e6);
    expect(of({ erofs: true })).toBeGreaterThan(of({}));
    const live = defaultRoot('live');
    expect(leastRootMemory({ ...live, ram: true }, { bytes: 10 })).toBe(20);
  });
});

describe('what a script compares', () => {
  const root = { ...defaultRoot('bootc-live'), source: { kind: 'artifact', path: 'debian/root.oci' } } as const;
  const image = { ...anImage(root), build: { name: 'debian', roots: [root] } };
  const match = (memory?: number) => ({
    mac: mac('52:54:00:00:00:01'),
    settings: settings({ image: sourced(image), ...(memory === undefined ? {} : { memory: sourced(memory) }) }),
    why: '',
  });

  it('is the root alone, and the machine with its initrd', () => {
    const least = (215 * 8) / 7;
    expect(plannedMemory(match(), 66 * MIB, 25 * MIB, 215 * MIB)).toEqual({
      root: Math.floor(least),
      machine: Math.ceil(certainMemory(least * MIB, 25 * MIB) / MIB),
    });
  });

  it('is the least that it can be where the tree’s size is not known', () => {
    expect(plannedMemory(match(), 70 * MIB, 0, undefined)).toEqual({ root: 80, machine: 144 });
  });

  it('is nothing for a small root, and for one of unknown size', () => {
    const nothing = { root: null, machine: null };
    expect(plannedMemory(match(), MIB, 0, 2 * MIB)).toEqual(nothing);
    expect(plannedMemory(match(), undefined, 0, 2e9)).toEqual(nothing);
  });

  it('is not asked of a machine that has enough by the configuration', () => {
    expect(plannedMemory(match(1024 * MIB), 66 * MIB, 0, 215 * MIB).machine).toBeNull();
    expect(plannedMemory(match(128 * MIB), 66 * MIB, 0, 215 * MIB).machine).toBe(310);
  });
});
