import { gzipSync } from 'node:zlib';
import { expect, it, test } from 'vitest';
import { readKernelHeader } from '../../src/images/tools/kernel-header.ts';

/** A kernel with an EFI stub: PE headers, and those of bzImage where it is one. */
function efiKernel(machine: number, sections: readonly string[], bzImage = false): Buffer {
  const file = Buffer.alloc(0x1000);
  file.write('MZ', 0);
  file.writeUInt32LE(0x80, 0x3c);
  file.write('PE\0\0', 0x80, 'latin1');
  file.writeUInt16LE(machine, 0x84);
  file.writeUInt16LE(sections.length, 0x86);
  file.writeUInt16LE(0xa0, 0x94);
  for (const [i, name] of sections.entries()) file.write(name, 0x98 + 0xa0 + 40 * i, 'latin1');
  if (bzImage) file.write('HdrS', 0x202, 'latin1');
  return file;
}

function bzImage(version: number, xloadflags: number): Buffer {
  const file = Buffer.alloc(0x1000);
  file.write('HdrS', 0x202, 'latin1');
  file.writeUInt16LE(version, 0x206);
  file.writeUInt16LE(xloadflags, 0x236);
  return file;
}

function arm64Image(): Buffer {
  const file = Buffer.alloc(0x1000);
  file.write('ARM\x64', 56, 'latin1');
  return file;
}

it.each<[string, Buffer, string | undefined]>([
  ['an x86-64 kernel with an EFI stub', efiKernel(0x8664, ['.setup'], true), 'x86_64'],
  ['a 32-bit one', efiKernel(0x14c, ['.setup'], true), 'i386'],
  ['an arm64 one', efiKernel(0xaa64, ['.text']), 'arm64'],
  ['a riscv64 one', efiKernel(0x5064, ['.text']), 'riscv64'],
  ['one of an unknown machine', efiKernel(0x1234, ['.text']), undefined],
  ['a bzImage without a stub', bzImage(0x20f, 0x3), 'x86_64'],
  ['a 32-bit bzImage', bzImage(0x20f, 0x2), 'i386'],
  ['a bzImage before protocol 2.12', bzImage(0x20a, 0x1), undefined],
  ['an arm64 Image', arm64Image(), 'arm64'],
  ['an arm64 Image in a gzip file', gzipSync(arm64Image()), 'arm64'],
])('%s says its architecture', (_, file, architecture) => {
  expect(readKernelHeader(file)).toEqual({ architecture, unified: false });
});

it('a unified kernel image is told by its section', () => {
  const sections = ['.text', '.osrel', '.cmdline', '.initrd', '.linux'];
  expect(readKernelHeader(efiKernel(0x8664, sections))).toEqual({ architecture: 'x86_64', unified: true });
});

test('what is no kernel, or cut short, says nothing and does no harm', () => {
  const whole = efiKernel(0x8664, ['.text', '.linux']);
  for (let length = 0; length < 0x180; length++) readKernelHeader(whole.subarray(0, length));
  expect(readKernelHeader(whole.subarray(0, 0x90))).toBeUndefined();
  const wild = Buffer.from(whole);
  wild.writeUInt32LE(0xffff_fff0, 0x3c);
  expect(readKernelHeader(wild)).toBeUndefined();
  const many = Buffer.from(whole);
  many.writeUInt16LE(0xffff, 0x86);
  expect(readKernelHeader(many)?.unified).toBe(true);
  for (const file of ['', 'text\n', gzipSync('x'), gzipSync(gzipSync(arm64Image()))])
    expect(readKernelHeader(Buffer.from(file))).toBeUndefined();
});
