import type { FilePart, OpenFile } from '../../model/files/open-file.ts';

/** What is at a position of a file: bytes, or a place in a file that has a descriptor, with how many bytes follow it. */
export type Place =
  | { readonly bytes: Uint8Array }
  | { readonly file: OpenFile; readonly position: number; readonly left: number };

/** Finds places in a file that may be put together from others. Positions are asked for in rising order, mostly. */
export function placesIn(file: OpenFile): (position: number) => Place {
  const { parts, size } = file;
  if (!parts) return (position) => ({ file, position, left: size - position });
  const lengthOf = (part: FilePart) => ('bytes' in part ? part.bytes.length : part.length);
  let index = 0;
  let start = 0;
  return (position) => {
    if (position < start) [index, start] = [0, 0];
    let part = parts[index];
    while (part && position >= start + lengthOf(part)) {
      start += lengthOf(part);
      index += 1;
      part = parts[index];
    }
    const skip = position - start;
    if (!part) return { bytes: new Uint8Array() };
    if ('bytes' in part) return { bytes: part.bytes.subarray(skip) };
    return { file: part.file, position: part.first + skip, left: part.length - skip };
  };
}
