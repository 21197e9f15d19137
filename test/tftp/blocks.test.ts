import { describe, expect, it } from 'vitest';
import { memoryFile, type RandomAccessFile, readBytes } from '../../src/model/files/random-access.ts';
import { FileShrunk, readBlocks } from '../../src/tftp/transfer/blocks.ts';

/** A file of counted octets that takes note of each read. */
function fileOf(size: number, length = size): RandomAccessFile & { readonly reads: number[] } {
  const bytes = Buffer.from(Array.from({ length }, (_, index) => index % 251));
  const reads: number[] = [];
  return {
    size,
    reads,
    async read(buffer, position) {
      reads.push(position);
      return memoryFile(bytes).read(buffer, position);
    },
    close: async () => {},
  };
}

describe('readBlocks', () => {
  it.each([0, 1, 511, 512, 513, 200_000])('gives every block of a file of %i octets', async (size) => {
    const blocks = readBlocks(fileOf(size), 512);
    const parts: Uint8Array[] = [];
    for (let block = 1; block <= Math.floor(size / 512) + 1; block++) {
      await blocks.load(block);
      parts.push(blocks.get(block) ?? Buffer.from('missing'));
    }
    expect(parts.at(-1)?.length).toBe(size % 512);
    expect(Buffer.compare(Buffer.concat(parts), await readBytes(fileOf(size), 0, size))).toBe(0);
  });

  it('has nothing before it is loaded', () => {
    expect(readBlocks(fileOf(1000), 512).get(1)).toBeUndefined();
  });

  it('reads in large pieces, each once, and one ahead', async () => {
    const file = fileOf(200_000);
    const blocks = readBlocks(file, 1000);
    await blocks.load(1);
    expect(file.reads).toEqual([0]);
    for (let block = 1; block <= 65; block++) expect(blocks.get(block)?.length).toBe(1000);
    expect(file.reads).toEqual([0, 65_000]);
    await blocks.load(66);
    expect(file.reads).toEqual([0, 65_000]);
    expect(blocks.get(66)?.length).toBe(1000);
    expect(file.reads).toEqual([0, 65_000, 130_000]);
  });

  it('keeps what may have to be sent again, and nothing more', async () => {
    const file = fileOf(200_000);
    const blocks = readBlocks(file, 1000);
    await blocks.load(1);
    await blocks.load(66);
    blocks.release(64);
    expect(blocks.get(65)).toBeDefined();
    blocks.release(65);
    expect(blocks.get(65)).toBeUndefined();
    expect(blocks.get(66)).toBeDefined();
  });

  it('reads a block larger than a piece whole', async () => {
    const blocks = readBlocks(fileOf(150_000), 65_464);
    await blocks.load(3);
    expect(blocks.get(3)?.length).toBe(150_000 - 2 * 65_464);
  });

  it('takes files in memory', async () => {
    const blocks = readBlocks(memoryFile(Buffer.alloc(1000, 7)), 512);
    await blocks.load(1);
    expect(blocks.get(2)).toEqual(Buffer.alloc(488, 7));
  });

  it('rejects where the file has become shorter', async () => {
    await expect(readBlocks(fileOf(1000, 900), 512).load(1)).rejects.toThrow(FileShrunk);
  });

  it('rejects with the system’s error', async () => {
    const error = Object.assign(new Error('input/output error'), { code: 'EIO' });
    const file: RandomAccessFile = { size: 10, read: () => Promise.reject(error), close: async () => {} };
    await expect(readBlocks(file, 512).load(1)).rejects.toBe(error);
  });

  it('reports a failed read in advance only when its blocks are due', async () => {
    const good = fileOf(100_000);
    const file: RandomAccessFile = {
      ...good,
      read: (buffer, position) => (position === 0 ? good.read(buffer, position) : Promise.reject(new Error('broken'))),
    };
    const blocks = readBlocks(file, 1000);
    await blocks.load(1);
    expect(blocks.get(1)).toBeDefined();
    await expect(blocks.load(66)).rejects.toThrow('broken');
  });
});
