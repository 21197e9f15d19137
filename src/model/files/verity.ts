/** Size of data and hash blocks, bytes: dm-verity's default. */
export const BLOCK = 4096;

/** The data of an image's hash tree with which a node checks each block that it reads (Linux' dm-verity). */
export interface Verity {
  /** SHA-256 of the tree's top block, 64 lower-case hex digits. */
  readonly rootHash: string;
  /** Data blocks; the tree follows them directly. */
  readonly blocks: number;
}
