import type { OpenFile } from '../../model/files/open-file.ts';
import { filesOf, finderIn, type Segment, totalLength } from '../../model/files/segment.ts';

/**
 * Joins segments of open files to one file that can be read at any position and is on no disk as a whole. Closing it
 * closes each of the files once.
 */
export function concatenate(segments: readonly Segment<OpenFile>[], digest: string | undefined): OpenFile {
  const files = filesOf(segments);
  const find = finderIn(segments);

  const read = async (buffer: Uint8Array, position: number): Promise<number> => {
    let filled = 0;
    while (filled < buffer.length) {
      const segment = find(position + filled);
      if (!segment) break;
      if ('bytes' in segment) {
        const bytes = segment.bytes.subarray(0, buffer.length - filled);
        buffer.set(bytes, filled);
        filled += bytes.length;
        continue;
      }
      const target = buffer.subarray(filled, filled + segment.length);
      if ((await segment.file.read(target, segment.first)) < target.length) break;
      filled += target.length;
    }
    return filled;
  };

  let closing: Promise<unknown> | undefined;
  return {
    fd: -1,
    segments,
    size: totalLength(segments),
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
