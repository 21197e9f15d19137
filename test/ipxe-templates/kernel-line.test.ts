import { expect, it } from 'vitest';
import { kernelLineLength, lineFault } from '../../src/ipxe-templates/scripts/kernel-line.ts';

const length = (...lines: string[]) => kernelLineLength(`#!ipxe\n${lines.join('\n')}\nboot\n`);
const setting = (name: string) => `$${'{'}${name}}`;

it.each([
  ['kernel --name vmlinuz http://192.0.2.1/linux initrd=initrd0.img a || goto failed', 'vmlinuz initrd=initrd0.img a'],
  ['  kernel http://192.0.2.1/linux?x=1   a\tb', 'linux a b'],
  ['kernel -n k -t 1000 --autofree /linux a && boot', 'k a'],
  ['kernel --name=k /linux a #comment', 'k a'],
  ['kernel /linux é', 'linux é'],
])('counts what the kernel gets of %s', (line, expected) => {
  expect(length(line)).toBe(Buffer.byteLength(expected));
});

it('counts settings as what they expand to, where that is known', () => {
  expect(length(`set base http://192.0.2.1/x`, `kernel /k a=${setting('base')}/y`)).toBe(
    'k a=http://192.0.2.1/x/y'.length,
  );
  expect(length(`kernel /k ${setting('net0/mac')} ${setting('netX/mac:hexhyp')}`)).toBe('k '.length + 17 + 1 + 17);
  expect(length(`kernel /k ${setting('mac:hexraw')} ${setting('uuid')} ${setting('ip')}`)).toBe(
    'k '.length + 12 + 1 + 36 + 1 + 15,
  );
  expect(length(`kernel /k ${setting('serial')}`)).toBe(`k ${setting('serial')}`.length);
});

it('takes the longest of several, and none for none', () => {
  expect(length('kernel /k a', 'kernel /k aaa', 'kernel /k aa')).toBe('k aaa'.length);
  expect(length('echo kernel /k a')).toBe(0);
});

it('says by how much a line is too long', () => {
  expect(lineFault(2047)).toBeUndefined();
  expect(lineFault(2050)).toBe(
    'has 2050 octets, 3 too many: Linux takes up to 2047 (COMMAND_LINE_SIZE of x86 and arm64) and cuts off the rest',
  );
});
