import { createHash, hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildTree,
  checkTree,
  dataBlocks,
  emptyLeaves,
  hashBlocks,
  treeLength,
} from '../../src/artifacts/composed/hash-tree.ts';

const VECTORS: readonly [number, string, string][] = [
  [
    8192,
    'be12f574ffd3bf0f8a8de325b6e9b780b8f5b05737b4a047e3818f73836c795e',
    'be12f574ffd3bf0f8a8de325b6e9b780b8f5b05737b4a047e3818f73836c795e',
  ],
  [
    520197,
    '8f14aa57baf14759b7d4d28cc0ba0719deb6e54553fa1a9d2365b2da3734bb68',
    '8f14aa57baf14759b7d4d28cc0ba0719deb6e54553fa1a9d2365b2da3734bb68',
  ],
  [
    524288,
    'f56d1844bfdc1af1243d7d1a97890be53072b9be9496f35ab8d93f1af6efd6b7',
    'f56d1844bfdc1af1243d7d1a97890be53072b9be9496f35ab8d93f1af6efd6b7',
  ],
  [
    528384,
    '1ca1143cf57270499e0a8e479138a053c8906863eb58a955d415fdd5a4257792',
    '0879fd79a170f078edcf4d96fab3c2628b05a95f9c71d380ff1483bf9b42d7e8',
  ],
  [
    67112960,
    'c8fc961dca5fb8739292a66f18297b173194112b86079fcc18dfa6f68dbd6209',
    '8043deb2feb1d44526499d545bc5fa9c9732acbfe53de8f16680bd16e522ae07',
  ],
];

/** Reproducible content: each 32 bytes are the SHA-256 of their number. */
const content = Buffer.alloc(Math.max(...VECTORS.map(([size]) => size)));
/** How much of it has been made so far. */
let made = 0;
function image(size: number): Buffer {
  for (; made < size; made += 32) hash('sha256', `${made / 32}`, 'buffer').copy(content, made);
  return content.subarray(0, size);
}

function treeOf(data: Buffer) {
  const leaves = emptyLeaves(dataBlocks(data.length));
  hashBlocks(data, leaves, 0);
  return buildTree(leaves);
}

/** Whether a data block is the one that the tree was made for, as dm-verity finds out: from the block up to the root. */
function verifies(block: Buffer, index: number, blocks: number, tree: Buffer, rootHash: string): boolean {
  const counts: number[] = [];
  for (let count = blocks; count > 1; counts.push(count)) count = Math.ceil(count / 128);
  let end = tree.length;
  let digest = createHash('sha256').update(block).digest();
  let at = index;
  for (const count of counts) {
    const start = end - count * 4096;
    const hashBlock = tree.subarray(start + Math.floor(at / 128) * 4096, start + (Math.floor(at / 128) + 1) * 4096);
    if (!hashBlock.subarray((at % 128) * 32, (at % 128) * 32 + 32).equals(digest)) return false;
    digest = createHash('sha256').update(hashBlock).digest();
    at = Math.floor(at / 128);
    end = start;
  }
  return end === 0 && digest.toString('hex') === rootHash;
}

describe('the hash tree', () => {
  // From "veritysetup format --no-superblock --salt=-" of cryptsetup 2.6.1.
  it.each(VECTORS)('of %i bytes is the one that veritysetup makes', { timeout: 300_000 }, (size, rootHash, digest) => {
    const tree = treeOf(image(size));
    expect(tree.rootHash).toBe(rootHash);
    expect(createHash('sha256').update(tree.tree).digest('hex')).toBe(digest);
  });

  it('leads from every block to the root hash, and from no other block', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4097, max: 300 * 4096 }), fc.nat(), fc.nat(), (size, pick, bit) => {
        const data = image(size);
        const { rootHash, tree } = treeOf(data);
        const blocks = dataBlocks(size);
        const index = pick % blocks;
        const block = Buffer.alloc(4096);
        data.copy(block, 0, index * 4096);
        expect(tree.length).toBe(treeLength(blocks));
        expect(verifies(block, index, blocks, tree, rootHash)).toBe(true);
        block[bit % 4096] = (block[bit % 4096] ?? 0) ^ (1 << (bit % 8));
        expect(verifies(block, index, blocks, tree, rootHash)).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  it('is hashed in parts as it is whole', () => {
    const data = image(200 * 4096 + 17);
    const leaves = emptyLeaves(dataBlocks(data.length));
    let at = 0;
    for (let start = 0; start < data.length; start += 64 * 4096) {
      at += hashBlocks(data.subarray(start, start + 64 * 4096), leaves, at);
    }
    expect(buildTree(leaves)).toEqual(treeOf(data));
  });

  it('is known again when it was stored, and given up if a bit of it has changed', () => {
    const { rootHash, tree } = treeOf(image(300 * 4096));
    expect(checkTree(tree, 300)).toBe(rootHash);
    expect(checkTree(tree, 128 * 3 + 1)).toBeUndefined();
    expect(checkTree(tree.subarray(4096), 300)).toBeUndefined();
    for (const at of [0, 4095, 4096, tree.length - 1]) {
      const flipped = Buffer.from(tree);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(checkTree(flipped, 300)).toBeUndefined();
    }
  });
});
