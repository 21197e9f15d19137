import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryFile } from '../../src/model/files/random-access.ts';
import type { SentFile } from '../../src/tftp/transfer/blocks.ts';
import { asNetascii, toNetascii } from '../../src/tftp/transfer/netascii.ts';

const read = async (file: SentFile, length: number) => {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, await file.read(buffer, 0));
};

describe('netascii', () => {
  it('ends lines with CR LF and marks a CR that ends none', () => {
    expect(Buffer.from(toNetascii(Buffer.from('a\nb\rc\r\n'))).toString()).toBe('a\r\nb\r\0c\r\0\r\n');
  });

  it('is read in order, whatever the lengths, across the pieces in which the file is read', async () => {
    const text = Buffer.alloc(200_000, 'one line\nand another\r\n');
    const whole = Buffer.from(toNetascii(text));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150_000 }), { maxLength: 4 }), async (lengths) => {
        const converted = asNetascii(memoryFile(text));
        let at = 0;
        for (const length of [...lengths, whole.length, 1]) {
          expect(Buffer.compare(await read(converted, length), whole.subarray(at, at + length))).toBe(0);
          at += length;
        }
      }),
    );
  });

  it('rejects where the file has become shorter, and can be asked again where a read failed', async () => {
    await expect(read(asNetascii({ ...memoryFile(Buffer.from('abc')), size: 10 }), 20)).rejects.toThrow(
      '3 octets instead of 10',
    );
    const text = Buffer.alloc(100_000, '\n');
    let calls = 0;
    const converted = asNetascii({
      ...memoryFile(text),
      read: async (buffer, position) => {
        calls++;
        if (calls === 2) throw new Error('EIO');
        return memoryFile(text).read(buffer, position);
      },
    });
    await expect(read(converted, 150_000)).rejects.toThrow('EIO');
    expect((await read(converted, 300_000)).length).toBe(200_000);
  });
});
