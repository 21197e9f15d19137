import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asNetascii, toNetascii } from '../../src/tftp/transfer/netascii.ts';

const file = (bytes: Uint8Array) => ({
  size: bytes.length,
  read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
  close: async () => {},
});

describe('netascii', () => {
  it('ends lines with CR LF and marks a CR that ends none', () => {
    expect(Buffer.from(toNetascii(Buffer.from('a\nb\rc\r\n'))).toString()).toBe('a\r\nb\r\0c\r\0\r\n');
  });

  it('is read in order, whatever the lengths, across the pieces in which the file is read', async () => {
    const text = Buffer.alloc(200_000, 'one line\nand another\r\n');
    const whole = Buffer.from(toNetascii(text));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150_000 }), { maxLength: 4 }), async (lengths) => {
        const converted = asNetascii(file(text));
        let at = 0;
        for (const length of [...lengths, whole.length, 1]) {
          const read = await converted.read(at, length);
          expect(Buffer.compare(read, whole.subarray(at, at + length))).toBe(0);
          at += length;
        }
      }),
    );
  });

  it('rejects where the file has become shorter, and can be asked again where a read failed', async () => {
    await expect(asNetascii({ ...file(Buffer.from('abc')), size: 10 }).read(0, 20)).rejects.toThrow(
      '3 octets instead of 10',
    );
    const text = Buffer.alloc(100_000, '\n');
    let calls = 0;
    const converted = asNetascii({
      ...file(text),
      read: async (offset, length) => {
        calls++;
        if (calls === 2) throw new Error('EIO');
        return text.subarray(offset, offset + length);
      },
    });
    await expect(converted.read(0, 150_000)).rejects.toThrow('EIO');
    expect((await converted.read(0, 300_000)).length).toBe(200_000);
  });
});
