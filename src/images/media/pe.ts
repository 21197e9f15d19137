import { BadImage } from '../oci/oci-image.ts';

/** Where the parts of a UEFI program's headers are (PE format specification, "Optional Header"), positions in the file. */
export interface PeHeaders {
  /** The COFF file header. */
  readonly coff: number;
  readonly optional: number;
  /** The table of sections, of which there are `count`. */
  readonly table: number;
  readonly count: number;
}

const PE32_PLUS = 0x20b;
/** In the optional header: how many data directories there are, and where the table of certificates is told of. */
const DIRECTORIES = 108;
const CERTIFICATES = 112 + 4 * 8;

/**
 * Finds the headers of a PE32+ program.
 * @param bytes at least its beginning
 * @returns undefined for what is no such program
 */
export function findPeHeaders(bytes: Buffer): PeHeaders | undefined {
  if (bytes.length < 64 || bytes.toString('latin1', 0, 2) !== 'MZ') return undefined;
  const pe = bytes.readUInt32LE(0x3c);
  const optional = pe + 24;
  if (optional + 112 > bytes.length || bytes.toString('latin1', pe, pe + 4) !== 'PE\0\0') return undefined;
  if (bytes.readUInt16LE(optional) !== PE32_PLUS) return undefined;
  const table = optional + bytes.readUInt16LE(pe + 20);
  return { coff: pe + 4, optional, table, count: bytes.readUInt16LE(pe + 6) };
}

/**
 * Whether a program carries a signature; not whether it is a right one, and of whom.
 * @param bytes at least its beginning
 */
export function isSigned(bytes: Buffer): boolean {
  const headers = findPeHeaders(bytes);
  if (!headers || headers.optional + CERTIFICATES + 8 > bytes.length) return false;
  const { optional } = headers;
  if (bytes.readUInt32LE(optional + DIRECTORIES) <= 4) return false;
  return bytes.readUInt32LE(optional + CERTIFICATES) > 0 && bytes.readUInt32LE(optional + CERTIFICATES + 4) > 0;
}

/** @throws BadImage for what is no PE32+ program */
export function mustBePe(bytes: Buffer, what: string): PeHeaders {
  const headers = findPeHeaders(bytes);
  if (!headers) throw new BadImage(`${what} is no PE32+ program`);
  return headers;
}
