import type { OpenFile, OpenResult } from '../../model/files/open-file.ts';
import { filesOf, finderIn, mapFiles, type Segment, totalLength } from '../../model/files/segment.ts';

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

/**
 * Opens the files of segments and joins these. Where one cannot be opened, it closes the others.
 * @throws the error of `open`
 */
export async function openConcatenation<F>(
  segments: readonly Segment<F>[],
  digest: string | undefined,
  open: (file: F) => Promise<OpenResult>,
): Promise<OpenResult> {
  const files = new Map<F, OpenFile>();
  const closeAll = () => Promise.all([...files.values()].map((file) => file.close()));
  try {
    for (const file of filesOf(segments)) {
      const opened = await open(file);
      if (!opened.ok) {
        await closeAll();
        return opened;
      }
      files.set(file, opened.file);
    }
  } catch (error) {
    await closeAll();
    throw error;
  }
  const joined = mapFiles(segments, (file) => files.get(file) as OpenFile);
  return { ok: true, file: concatenate(joined, digest) };
}
