/**
 * A run of bytes of a file that is put together from others: bytes at hand, or a range of one of them.
 * @typeParam F what names a file where the segment is used: an open file, a path, a digest, an index
 */
export type Segment<F> =
  | { readonly bytes: Uint8Array }
  | {
      readonly file: F;
      /** Position of the first byte in the file. */
      readonly first: number;
      readonly length: number;
    };

/** Bytes of a segment. */
export function lengthOf(segment: Segment<unknown>): number {
  return 'bytes' in segment ? segment.bytes.length : segment.length;
}

/** Bytes of all segments. */
export function totalLength(segments: readonly Segment<unknown>[]): number {
  return segments.reduce((sum, segment) => sum + lengthOf(segment), 0);
}

/** The files of segments, each once. */
export function filesOf<F>(segments: readonly Segment<F>[]): readonly F[] {
  return [...new Set(segments.flatMap((segment) => ('bytes' in segment ? [] : [segment.file])))];
}

/** The same segments with other names of their files. */
export function mapFiles<F, G>(segments: readonly Segment<F>[], map: (file: F) => G): readonly Segment<G>[] {
  return segments.map((segment) => ('bytes' in segment ? segment : { ...segment, file: map(segment.file) }));
}

/** A segment as JSON can hold it: bytes in base64, or a range of a file. */
export type SegmentJson<F> = string | readonly [file: F, first: number, length: number];

export function segmentToJson<F>(segment: Segment<F>): SegmentJson<F> {
  if ('bytes' in segment) return Buffer.from(segment.bytes).toString('base64');
  return [segment.file, segment.first, segment.length];
}

export function segmentFromJson<F>(json: SegmentJson<F>): Segment<F> {
  if (typeof json === 'string') return { bytes: Buffer.from(json, 'base64') };
  const [file, first, length] = json;
  return { file, first, length };
}

/** A function that finds the bytes at a position: the rest of the segment there; undefined at the end. */
export function finderIn<F>(segments: readonly Segment<F>[]): (position: number) => Segment<F> | undefined {
  let end = 0;
  const ends = segments.map((segment) => {
    end += lengthOf(segment);
    return end;
  });
  return (position) => {
    // Finds the first segment that ends behind the position.
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    const segment = segments[low];
    if (!segment) return undefined;
    const skip = position - ((ends[low] ?? 0) - lengthOf(segment));
    if ('bytes' in segment) return { bytes: segment.bytes.subarray(skip) };
    return { file: segment.file, first: segment.first + skip, length: segment.length - skip };
  };
}
