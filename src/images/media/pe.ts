import { BadImage } from '../oci/oci-image.ts';

/** Positions of the headers in a UEFI program's file (PE format specification, "Optional Header"). */
export interface PeHeaders {
  /** The COFF file header. */
  readonly coff: number;
  readonly optional: number;
  /** The table of sections, of which there are `count`. */
  readonly table: number;
  readonly count: number;
}

const PE32_PLUS = 0x20b;
/** Positions in the optional header: the number of data directories, and the entry of the certificate table. */
const DIRECTORIES = 108;
const CERTIFICATES = 112 + 4 * 8;

/**
 * Finds the headers of a PE32+ program.
 * @param bytes at least its beginning
 * @returns undefined for other files
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
 * True where a program carries a signature, which is not checked.
 * @param bytes at least its beginning
 */
export function isSigned(bytes: Buffer): boolean {
  const headers = findPeHeaders(bytes);
  if (!headers || headers.optional + CERTIFICATES + 8 > bytes.length) return false;
  const { optional } = headers;
  if (bytes.readUInt32LE(optional + DIRECTORIES) <= 4) return false;
  return bytes.readUInt32LE(optional + CERTIFICATES) > 0 && bytes.readUInt32LE(optional + CERTIFICATES + 4) > 0;
}

/**
 * @param what names the file in the message
 * @throws BadImage for other files than PE32+ programs
 */
export function mustBePe(bytes: Buffer, what: string): PeHeaders {
  const headers = findPeHeaders(bytes);
  if (!headers) throw new BadImage(`${what} is no PE32+ program`);
  return headers;
}
