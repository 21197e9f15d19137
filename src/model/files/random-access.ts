/** Bytes that can be read at any position: those of a file, an archive, an export, or memory. */
export interface RandomAccess {
  /** Bytes. */
  readonly size: number;
  /**
   * Reads at a position (bytes from the start) until the buffer is full or the end is reached.
   * @returns the number of bytes read
   * @throws the operating system's error
   */
  read(buffer: Uint8Array, position: number): Promise<number>;
}

/** Random access to something open. Whoever opened it closes it. */
export interface RandomAccessFile extends RandomAccess {
  close(): Promise<void>;
}

/** Reads bytes at a position into a new buffer: as many as asked for, or fewer at the end. */
export async function readBytes(source: RandomAccess, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, source.size - position)));
  return buffer.subarray(0, await source.read(buffer, position));
}

/** Bytes in memory as a file. */
export function memoryFile(bytes: Uint8Array): RandomAccessFile {
  return {
    size: bytes.length,
    read: async (buffer, position) => {
      const found = bytes.subarray(position, position + buffer.length);
      buffer.set(found);
      return found.length;
    },
    close: async () => {},
  };
}

/** The read of a `FileHandle` of Node: it may give less than there is. */
interface Handle {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
}

/** {@link RandomAccess.read} of an open file. */
export async function readHandle(handle: Handle, buffer: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/**
 * Reads a source in pieces of `window` bytes, for readers that go through it from front to back in small steps. One
 * read at a time.
 */
export function buffered(source: RandomAccess, window = 256 * 1024): RandomAccess {
  const held = Buffer.allocUnsafeSlow(Math.min(window, source.size));
  let start = 0;
  let end = 0;
  return {
    size: source.size,
    read: async (buffer, position) => {
      if (buffer.length > held.length) return source.read(buffer, position);
      if (position < start || position + buffer.length > end) {
        start = position;
        // Where the read fails, nothing is held.
        end = position;
        end += await source.read(held, position);
      }
      return held.copy(buffer, 0, position - start, end - start);
    },
  };
}
