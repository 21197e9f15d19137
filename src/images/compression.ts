/** How a file is compressed; each but `none` is undone by the program of the same name. */
export type Compression = 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'none';

const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];

/** How a file is compressed, by its first bytes; at least six are needed. */
export function detectCompression(start: Uint8Array): Compression {
  // A skippable frame may come first (RFC 8878 section 3.1.2): zstd:chunked layers and pzstd write some.
  if (((start[0] ?? 0) & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18) return 'zstd';
  return MAGIC.find(([, bytes]) => bytes.every((byte, i) => start[i] === byte))?.[0] ?? 'none';
}
