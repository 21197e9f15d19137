import { BadArchive, type Bytes } from './tar-entry.ts';

/** Bytes of a header; archives consist of such blocks. */
export const BLOCK = 512;

/** One header block of POSIX.1-2001's ustar format, or of GNU tar's or Unix V7's variants of it. */
export interface RawHeader {
  readonly name: Bytes;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** The type flag as a character. */
  readonly flag: string;
  readonly linkname: Bytes;
  readonly major: number;
  readonly minor: number;
  readonly gnu: boolean;
}

/** The text in a field: up to the first NUL. */
export function textField(block: Uint8Array, start: number, length: number): Bytes {
  const field = Buffer.from(block.buffer, block.byteOffset + start, length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? length : end);
}

/**
 * The number in a field: octal digits, or big-endian two's complement where the first bit is set (GNU, star).
 * @throws BadArchive for anything else
 */
export function numberField(block: Uint8Array, start: number, length: number): number {
  const first = block[start] ?? 0;
  if (first & 0x80) {
    let value = first & 0x40 ? -1n : 0n;
    value = (value << 6n) | BigInt(first & 0x3f);
    for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[start + i] ?? 0);
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new BadArchive('a number in a header is too large');
    return number;
  }
  const text = textField(block, start, length).trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw new BadArchive(`a header has ${JSON.stringify(text)} where a number belongs`);
  return Number.parseInt(text, 8);
}

/** Both checksums that writers use: of unsigned bytes, and of signed ones. The checksum's own field counts as blanks. */
function checksums(block: Uint8Array): readonly [number, number] {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 32 : (block[i] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  return [unsigned, signed];
}

/** Recognises a block of zeros: two of them end an archive. */
export function isZero(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

/**
 * Decodes a header block.
 * @throws BadArchive where the checksum does not match, or a number is malformed
 */
export function decodeHeader(block: Uint8Array): RawHeader {
  const sum = /^ *([0-7]+) *$/.exec(textField(block, 148, 8))?.[1];
  if (sum === undefined || !checksums(block).includes(Number.parseInt(sum, 8))) {
    throw new BadArchive('a header has the wrong checksum: this is no tar archive, or it is damaged');
  }
  const magic = textField(block, 257, 6);
  const ustar = magic === 'ustar';
  const gnu = magic === 'ustar ';
  const prefix = ustar ? textField(block, 345, 155) : '';
  const name = textField(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: numberField(block, 100, 8) & 0o7777,
    uid: numberField(block, 108, 8),
    gid: numberField(block, 116, 8),
    size: numberField(block, 124, 12),
    mtime: numberField(block, 136, 12),
    flag: String.fromCharCode(block[156] ?? 0),
    linkname: textField(block, 157, 100),
    // Before ustar there were no such fields.
    major: ustar || gnu ? numberField(block, 329, 8) : 0,
    minor: ustar || gnu ? numberField(block, 337, 8) : 0,
    gnu,
  };
}

/** True where a number fits in an octal field of a width that includes the NUL at its end. */
export function fitsOctal(value: number, width: number): boolean {
  return value >= 0 && value < 8 ** (width - 1);
}

/**
 * Splits a name between ustar's two fields.
 * @returns undefined for a name that does not fit
 */
export function splitName(name: Bytes): { readonly prefix: Bytes; readonly name: Bytes } | undefined {
  if (name.length <= 100) return { prefix: '', name };
  // The slash between the fields is in neither, and neither may be empty.
  const cut = name.indexOf('/', name.length - 101);
  if (cut <= 0 || cut > 155 || cut === name.length - 1) return undefined;
  return { prefix: name.slice(0, cut), name: name.slice(cut + 1) };
}

/**
 * Encodes a ustar header block. Values that do not fit are cut: they need a PAX header before this one.
 * The names of owner and group stay empty, as they mean nothing on another machine.
 */
export function encodeHeader(header: Omit<RawHeader, 'gnu'>): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = (text: Bytes, start: number) => block.write(text, start, 'latin1');
  const putOctal = (value: number, start: number, width: number) =>
    put((fitsOctal(value, width) ? value : 0).toString(8).padStart(width - 1, '0'), start);
  // Some readers take a name with a slash at the end for a directory.
  const split = splitName(header.name) ?? { prefix: '', name: header.name.slice(0, 100).replace(/\/$/, '_') };
  put(split.name, 0);
  putOctal(header.mode & 0o7777, 100, 8);
  putOctal(header.uid, 108, 8);
  putOctal(header.gid, 116, 8);
  putOctal(header.size, 124, 12);
  putOctal(header.mtime, 136, 12);
  put('        ', 148);
  put(header.flag, 156);
  put(header.linkname.slice(0, 100), 157);
  put('ustar\u000000', 257);
  putOctal(header.major, 329, 8);
  putOctal(header.minor, 337, 8);
  put(split.prefix, 345);
  put(`${checksums(block)[0].toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
