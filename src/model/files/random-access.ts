/** Bytes that can be read at any position, such as a file's. */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /**
   * Reads from a position on.
   * @returns as many bytes as asked for, or fewer at the end
   * @throws the operating system's error
   */
  read(position: number, length: number): Promise<Buffer>;
}

/** A source in memory. */
export function memorySource(bytes: Uint8Array): ByteSource {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { size: buffer.length, read: async (position, length) => buffer.subarray(position, position + length) };
}

/**
 * The same source, read in pieces of at least `window` bytes, for readers that go through it from front to back in
 * small steps.
 */
export function buffered(source: ByteSource, window = 256 * 1024): ByteSource {
  let start = 0;
  let held: Buffer = Buffer.alloc(0);
  return {
    size: source.size,
    read: async (position, length) => {
      if (position < start || position + length > start + held.length) {
        held = await source.read(position, Math.max(length, window));
        start = position;
      }
      return held.subarray(position - start, position - start + length);
    },
  };
}
