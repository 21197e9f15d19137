import { describe, expect, it } from 'vitest';
import { layOutUki } from '../../src/images/media/uki-layout.ts';
import { cpioFrame, scanCpio } from '../../src/images/output/cpio.ts';
import { memoryFile } from '../../src/model/files/random-access.ts';
import { makePe } from '../support/pe.ts';

describe('a unified kernel image', () => {
  it('has its sections at pages, one after the other, in the order of the file', () => {
    const { head, padding, size } = layOutUki(makePe({ free: 2 }), [
      { name: '.cmdline', size: 10 },
      { name: '.linux', size: 5000 },
    ]);
    expect([head.length, padding, size]).toEqual([0x600, [502, 120], 0x600 + 512 + 5120]);
    expect(head.readUInt16LE(0x86)).toBe(3);
    const section = (i: number) => {
      const at = 0x188 + 40 * i;
      const name = head.toString('latin1', at, at + 8).replace(/\0/g, '');
      return [name, ...[8, 12, 16, 20].map((field) => head.readUInt32LE(at + field))];
    };
    expect(section(1)).toEqual(['.cmdline', 10, 0x5000, 512, 0x600]);
    expect(section(2)).toEqual(['.linux', 5000, 0x6000, 5120, 0x800]);
    expect([head.readUInt32LE(0x98 + 56), head.readUInt32LE(0x98 + 64)]).toEqual([0x8000, 0]);
  });

  it('is refused for what is no stub, and for one without room', () => {
    expect(() => layOutUki(Buffer.from('MZ'), [])).toThrow('no PE32+ program');
    expect(() => layOutUki(Buffer.alloc(1000, 'MZ'), [])).toThrow('no PE32+ program');
    const sections = [1, 2].map(() => ({ name: '.x', size: 1 }));
    expect(() => layOutUki(makePe({ free: 1 }), sections)).toThrow('no room for more sections');
    expect(() => layOutUki(makePe({ free: 2 }), [{ name: '.x', size: 4_294_967_000 }])).toThrow('4 GiB');
  });

  it.each([0, 1, 2, 3, 4, 1001])('has an initrd of which a file of %i bytes is a part', async (size) => {
    const { before, after } = cpioFrame('root.oci', size);
    const { names, rest } = await scanCpio(memoryFile(Buffer.concat([before, Buffer.alloc(size, 'x'), after])));
    expect([[...names], rest]).toEqual([['root.oci', 'TRAILER!!!'], undefined]);
  });
});
