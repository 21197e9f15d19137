import { BadArchive, type Bytes } from './tar-entry.ts';

/** The records of a PAX extended header in their order; a keyword may come more than once. */
export type PaxRecords = readonly (readonly [keyword: Bytes, value: Bytes])[];

/**
 * Decodes the body of an extended header (POSIX.1-2001, pax): records `LENGTH KEYWORD=VALUE\n`, the length being that
 * of the whole record. Values are bytes: those of `SCHILY.xattr.*` are no text.
 * @throws BadArchive where a record's length is wrong
 */
export function decodePax(body: Buffer): PaxRecords {
  const records: [Bytes, Bytes][] = [];
  const text = body.toString('latin1');
  for (let start = 0; start < text.length; ) {
    // Some writers pad with NULs.
    if (text.charCodeAt(start) === 0) break;
    const blank = text.indexOf(' ', start);
    const digits = blank === -1 ? '' : text.slice(start, blank);
    const end = start + Number(digits);
    const equals = text.indexOf('=', blank);
    if (!/^\d{1,10}$/.test(digits) || end > text.length || text[end - 1] !== '\n' || equals === -1 || equals >= end) {
      throw new BadArchive('an extended header is malformed');
    }
    records.push([text.slice(blank + 1, equals), text.slice(equals + 1, end - 1)]);
    start = end;
  }
  return records;
}

/** Encodes records as the body of an extended header. */
export function encodePax(records: PaxRecords): Buffer {
  const lines = records.map(([keyword, value]) => {
    const rest = ` ${keyword}=${value}\n`;
    let length = rest.length + 1;
    while (String(length).length + rest.length > length) length += 1;
    return `${length}${rest}`;
  });
  return Buffer.from(lines.join(''), 'latin1');
}

/**
 * A time as PAX writes it, `1700000000.123456789`, in nanoseconds.
 * @throws BadArchive for anything else
 */
export function parseTime(text: Bytes): bigint {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (!match) throw new BadArchive(`${JSON.stringify(text)} is no time`);
  const [, sign, seconds = '0', fraction = ''] = match;
  const total = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -total : total;
}

/** Nanoseconds as PAX writes them, without needless digits. */
export function formatTime(nanoseconds: bigint): Bytes {
  const positive = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = (positive % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  const seconds = `${nanoseconds < 0n ? '-' : ''}${positive / 1_000_000_000n}`;
  return fraction === '' ? seconds : `${seconds}.${fraction}`;
}
