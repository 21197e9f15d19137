/** Data and hash blocks alike, bytes: what dm-verity uses where it is not told otherwise. */
export const BLOCK = 4096;

/** What a node needs to know of an image's hash tree to check every block that it reads (Linux' dm-verity). */
export interface Verity {
  /** SHA-256 of the tree's top block, 64 lower-case hex digits. */
  readonly rootHash: string;
  /** Data blocks; the tree follows them directly. */
  readonly blocks: number;
}
