import { FileShrunk, type TftpFile } from './file.ts';

const CR = 13;
const LF = 10;
const STEP = 64 * 1024;

/** How many octets of a text take two in netascii. */
function doubled(text: Uint8Array): number {
  let count = 0;
  for (const octet of text) if (octet === LF || octet === CR) count++;
  return count;
}

/** Netascii (RFC 764): a line ends with CR LF, a CR that ends none is CR NUL. */
export function toNetascii(text: Uint8Array): Uint8Array {
  const encoded = new Uint8Array(text.length + doubled(text));
  let at = 0;
  for (const octet of text) {
    if (octet === LF) encoded[at++] = CR;
    encoded[at++] = octet;
    if (octet === CR) encoded[at++] = 0;
  }
  return encoded;
}

/**
 * A file as mode netascii sends it, which is what tftp-hpa's client asks for unless told otherwise. The file is read
 * once beforehand, so that its size, its number of blocks and where each begins are known.
 */
export async function asNetascii(file: TftpFile): Promise<TftpFile> {
  /** Where each step of the file begins in netascii, and at last the whole size. */
  const starts = [0];
  const step = async (index: number): Promise<Uint8Array> => {
    const length = Math.min(STEP, file.size - index * STEP);
    const bytes = await file.read(index * STEP, length);
    if (bytes.length !== length) throw new FileShrunk(`${bytes.length} octets instead of ${length} at step ${index}`);
    return bytes;
  };
  let size = 0;
  for (let index = 0; index * STEP < file.size; index++) {
    const bytes = await step(index);
    size += bytes.length + doubled(bytes);
    starts.push(size);
  }

  /** The step that holds an offset of the netascii form. */
  const find = (offset: number): number => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? size) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  return {
    size,
    async read(offset, length) {
      const parts: Uint8Array[] = [];
      const end = Math.min(size, offset + length);
      for (let index = find(offset); (starts[index] ?? size) < end; index++) {
        const start = starts[index] ?? size;
        parts.push(toNetascii(await step(index)).subarray(Math.max(0, offset - start), end - start));
      }
      return Buffer.concat(parts);
    },
    close: () => file.close(),
  };
}
