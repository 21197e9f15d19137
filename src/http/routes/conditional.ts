import type { IncomingHttpHeaders } from 'node:http';

/** The validators of a representation (RFC 9110 section 8.8). */
export interface Validators {
  /** With its quotes, and with `W/` in front where it is weak. */
  readonly etag: string;
  /** Milliseconds since 1970; absent where no such date can be trusted. */
  readonly lastModified?: number;
}

/** An entity tag or several, or `*`. */
const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

const opaque = (tag: string): string => tag.replace(/^W\//, '');

/** RFC 9110 section 8.8.3.2: weak comparison ignores `W/`, strong comparison fails on it. */
function matches(header: string, etag: string, comparison: 'weak' | 'strong'): boolean {
  if (header.trim() === '*') return true;
  const tags: readonly string[] = header.match(TAG) ?? [];
  if (comparison === 'weak') return tags.some((tag) => opaque(tag) === opaque(etag));
  return !etag.startsWith('W/') && tags.includes(etag);
}

/** An HTTP date in milliseconds, or undefined; a header that is no date is ignored (RFC 9110 section 13.1.3). */
function parseDate(header: string | undefined): number | undefined {
  // Each of the three date forms begins with the day's name; Date.parse alone would take much else.
  if (header === undefined || !/^[A-Z][a-z]+,? /.test(header)) return undefined;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : date;
}

const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);

/**
 * Evaluates the preconditions of a GET or HEAD of something that exists, in the order of RFC 9110 section 13.2.2.
 * @returns `failed` for 412, `not-modified` for 304
 */
export function evaluatePreconditions(
  headers: IncomingHttpHeaders,
  { etag, lastModified }: Validators,
): 'proceed' | 'not-modified' | 'failed' {
  const unmodifiedSince = parseDate(headers['if-unmodified-since']);
  if (headers['if-match'] !== undefined) {
    if (!matches(headers['if-match'], etag, 'strong')) return 'failed';
  } else if (unmodifiedSince !== undefined && lastModified !== undefined) {
    if (seconds(lastModified) > seconds(unmodifiedSince)) return 'failed';
  }
  const modifiedSince = parseDate(headers['if-modified-since']);
  if (headers['if-none-match'] !== undefined) {
    if (matches(headers['if-none-match'], etag, 'weak')) return 'not-modified';
  } else if (modifiedSince !== undefined && lastModified !== undefined) {
    if (seconds(lastModified) <= seconds(modifiedSince)) return 'not-modified';
  }
  return 'proceed';
}

/**
 * Whether a Range header may be honoured (RFC 9110 section 13.1.5): there is no If-Range, or it names exactly this
 * representation. The date must be the very same; {@link Validators.lastModified} is only given where it is strong.
 */
export function rangeApplies(ifRange: string | undefined, { etag, lastModified }: Validators): boolean {
  if (ifRange === undefined) return true;
  if (/^(W\/)?"/.test(ifRange)) return ifRange === etag && !etag.startsWith('W/');
  const date = parseDate(ifRange);
  return date !== undefined && lastModified !== undefined && seconds(date) === seconds(lastModified);
}
