/** Bytes of data and hash blocks: the default of dm-verity. */
export const BLOCK = 4096;

/** The parameters of an image's hash tree by which a node checks every block that it reads (Linux' dm-verity). */
export interface Verity {
  /** SHA-256 of the tree's top block, 64 lower-case hex digits. */
  readonly rootHash: string;
  /** Data blocks; the tree follows them directly. */
  readonly blocks: number;
}
