import { expect, it } from 'vitest';
import { readInstalledMemory } from '../../src/model/machine/installed-memory.ts';

it.each([
  ['512', '', { mib: 512, least: false }],
  ['', '0002.......', { mib: 512, least: false }],
  ['', '0020.0000.0020.0000....', { mib: 16_384, least: false }],
  ['', '0040.00c0......', { mib: 16_384 + 16, least: false }],
  ['', 'ff7f.......', { mib: 32_767, least: true }],
  ['', 'ffff.0002......', { mib: 512, least: true }],
  ['', '0002.0002.0002.0002.0002.0002.0002.0002', { mib: 4096, least: true }],
  ['x', '', undefined],
  ['', '.......', undefined],
  ['', 'ffff.......', undefined],
  ['0', 'zzzz.$x', undefined],
])('memsize "%s" and modules "%s"', (memsize, modules, expected) => {
  expect(readInstalledMemory(memsize, modules)).toEqual(expected);
});
