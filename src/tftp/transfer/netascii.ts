import { type RandomAccessFile, readBytes } from '../../model/files/random-access.ts';
import { FileShrunk, type SentFile } from './blocks.ts';

const CR = 13;
const LF = 10;
/** Octets of the file that are converted at a time: some tenth of a millisecond. */
const STEP = 32 * 1024;

/** The number of octets of a text that take two in netascii. */
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
 * A file in mode netascii, the default of tftp-hpa's client. It is converted while it is read, in order. Its size stays
 * unknown: to compute it, one packet of any client would have the whole file read.
 */
export function asNetascii(file: RandomAccessFile): SentFile {
  /** Octets of the file that are converted, and the converted ones that were not read yet. */
  let converted = 0;
  let rest: Uint8Array = new Uint8Array(0);
  return {
    size: undefined,
    async read(buffer) {
      const parts = [rest];
      let [have, at] = [rest.length, converted];
      while (have < buffer.length && at < file.size) {
        const wanted = Math.min(STEP, file.size - at);
        const bytes = await readBytes(file, at, wanted);
        if (bytes.length !== wanted) throw new FileShrunk(`${bytes.length} octets instead of ${wanted} at ${at}`);
        const part = toNetascii(bytes);
        parts.push(part);
        have += part.length;
        at += wanted;
      }
      const all = Buffer.concat(parts);
      // Only now: a read that fails is tried again.
      [converted, rest] = [at, all.subarray(buffer.length)];
      return all.copy(buffer);
    },
    close: () => file.close(),
  };
}
