import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asNetascii, toNetascii } from '../../src/tftp/netascii.ts';

const file = (bytes: Uint8Array) => ({
  size: bytes.length,
  read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
  close: async () => {},
});

describe('netascii', () => {
  it('ends lines with CR LF and marks a CR that ends none', () => {
    expect(Buffer.from(toNetascii(Buffer.from('a\nb\rc\r\n'))).toString()).toBe('a\r\nb\r\0c\r\0\r\n');
  });

  it('knows the size beforehand', async () => {
    expect((await asNetascii(file(Buffer.from('a\nb\n')))).size).toBe(6);
    expect((await asNetascii(file(Buffer.alloc(0)))).size).toBe(0);
  });

  it('can be read from anywhere, across the pieces in which the file is read', async () => {
    const text = Buffer.alloc(200_000, 'one line\nand another\r\n');
    const whole = Buffer.from(toNetascii(text));
    const converted = await asNetascii(file(text));
    expect(converted.size).toBe(whole.length);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(150_000), async (offset, length) => {
        const read = await converted.read(offset, length);
        expect(Buffer.compare(read, whole.subarray(offset, offset + length))).toBe(0);
      }),
    );
  });

  it('rejects where the file has become shorter', async () => {
    await expect(asNetascii({ ...file(Buffer.from('abc')), size: 10 })).rejects.toThrow('3 octets instead of 10');
  });
});
