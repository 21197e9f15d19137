import { createHash } from 'node:crypto';
import { BLOCK } from '../../model/files/verity.ts';

const DIGEST = 32;
const PER_BLOCK = BLOCK / DIGEST;

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** The blocks of each level above the data, from the leaves to the top. */
function levels(blocks: number): readonly number[] {
  const sizes: number[] = [];
  for (let count = blocks; count > 1; sizes.push(count)) count = Math.ceil(count / PER_BLOCK);
  return sizes;
}

/** Blocks of an image of so many bytes, the last one filled up with zeroes. */
export function dataBlocks(size: number): number {
  return Math.ceil(size / BLOCK);
}

/** The length of the tree over so many data blocks, bytes. */
export function treeLength(blocks: number): number {
  return levels(blocks).reduce((sum, count) => sum + count, 0) * BLOCK;
}

/**
 * Hashes the data of a part of an image, block by block.
 * @param data whole blocks, but for the image's last one
 * @param leaves gets the digests, from `at` on
 * @returns the number of bytes written
 */
export function hashBlocks(data: Uint8Array, leaves: Uint8Array, at: number): number {
  let written = 0;
  for (let start = 0; start < data.length; start += BLOCK) {
    const block = data.subarray(start, start + BLOCK);
    leaves.set(sha256(block.length === BLOCK ? block : Buffer.concat([block], BLOCK)), at + written);
    written += DIGEST;
  }
  return written;
}

/** A buffer for the digests of so many data blocks, zero behind them. */
export function emptyLeaves(blocks: number): Buffer {
  return Buffer.alloc(Math.ceil(blocks / PER_BLOCK) * BLOCK);
}

/**
 * The hash tree over a file's blocks as Linux' dm-verity reads it: format version 1, SHA-256, no salt, no superblock,
 * the top level first (Documentation/admin-guide/device-mapper/verity.rst).
 * @param leaves the digests of all data blocks, from {@link hashBlocks}; more than one block of data
 */
export function buildTree(leaves: Buffer): { readonly rootHash: string; readonly tree: Buffer } {
  let top = leaves;
  const parts = [top];
  while (top.length > BLOCK) {
    const above = emptyLeaves(top.length / BLOCK);
    hashBlocks(top, above, 0);
    parts.unshift(above);
    top = above;
  }
  return { rootHash: sha256(top).toString('hex'), tree: Buffer.concat(parts) };
}

/** The root hash of a stored tree over so many blocks; undefined if the tree does not agree with itself. */
export function checkTree(tree: Buffer, blocks: number): string | undefined {
  const leaves = emptyLeaves(blocks).length;
  if (tree.length !== treeLength(blocks)) return undefined;
  const again = buildTree(tree.subarray(tree.length - leaves));
  return again.tree.equals(tree) ? again.rootHash : undefined;
}
