/** A compression; each but `none` is undone by the program of the same name. */
export type Compression = 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'lz4' | 'lzip' | 'lzop' | 'lzma' | 'none';

/** First bytes of files in hex digits; `slipway_compression` of the dracut modules has the same list. */
const MAGIC: readonly (readonly [Compression, RegExp])[] = [
  ['gzip', /^1f8b/],
  ['xz', /^fd377a585a00/],
  // Skippable frames may come first (RFC 8878 section 3.1.2): pzstd and zstd:chunked write some.
  ['zstd', /^(28b52ffd|5.2a4d18)/],
  ['bzip2', /^425a68/],
  ['lz4', /^04224d18/],
  ['lzip', /^4c5a4950/],
  ['lzop', /^894c5a4f/],
  // A tar archive may begin with a file called "]".
  ['lzma', /^5d0000(?!0000)/],
];

/** Compressions whose programs every initrd with the dracut modules has. */
const NODES_UNDO: ReadonlySet<Compression> = new Set(['gzip', 'xz', 'zstd', 'none']);

/** The compression of a file by its first bytes, of which it needs six. */
export function detectCompression(start: Uint8Array): Compression {
  const hex = Buffer.from(start.subarray(0, 6)).toString('hex');
  return MAGIC.find(([, pattern]) => pattern.test(hex))?.[0] ?? 'none';
}

/** True for compressions that nodes can undo. */
export function nodesUndo(how: Compression): boolean {
  return NODES_UNDO.has(how);
}
