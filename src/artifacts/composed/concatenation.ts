import type { FilePart, OpenFile } from '../../model/files/open-file.ts';

const lengthOf = (part: FilePart): number => ('bytes' in part ? part.bytes.length : part.length);

/**
 * Puts files together to one that can be read at any position and is nowhere as a whole. Closing it closes those that
 * it is made of, each once.
 */
export function concatenate(parts: readonly FilePart[], digest: string | undefined): OpenFile {
  const files = [...new Set(parts.flatMap((part) => ('file' in part ? [part.file] : [])))];
  const ends: number[] = [];
  let size = 0;
  for (const part of parts) {
    size += lengthOf(part);
    ends.push(size);
  }

  /** The first part that ends behind a position. */
  const partAt = (position: number): number => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  const read = async (buffer: Uint8Array, position: number): Promise<number> => {
    let filled = 0;
    for (let at = partAt(position); filled < buffer.length; at++) {
      const part = parts[at];
      if (!part) break;
      const length = lengthOf(part);
      const skip = position + filled - ((ends[at] ?? 0) - length);
      const count = Math.min(buffer.length - filled, length - skip);
      const target = buffer.subarray(filled, filled + count);
      if ('bytes' in part) target.set(part.bytes.subarray(skip, skip + count));
      else if ((await part.file.read(target, part.first + skip)) < count) break;
      filled += count;
    }
    return filled;
  };

  let closing: Promise<unknown> | undefined;
  return {
    fd: -1,
    parts,
    size,
    modified: Math.max(0, ...files.map(({ modified }) => modified)),
    stamp: `${files.length}-${files[0]?.stamp ?? ''}-${digest ?? ''}`,
    digest,
    read,
    intact: async () => (await Promise.all(files.map((file) => file.intact()))).every(Boolean),
    intactNow: () => files.every((file) => file.intactNow()),
    renew: async () => (await Promise.all(files.map((file) => file.renew()))).every(Boolean),
    close: async () => {
      closing ??= Promise.all(files.map((file) => file.close()));
      await closing;
    },
  };
}
