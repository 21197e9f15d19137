import type { Option } from './packet.ts';

/** The largest values that a server grants. */
export interface OptionLimits {
  /** Octets of one DATA payload. */
  readonly blksize: number;
  /** Blocks sent before an ACK is due. */
  readonly windowsize: number;
}

/** The settings of one transfer, and the OACK that announces them. */
export interface Negotiated {
  readonly blksize: number;
  readonly windowsize: number;
  /** Seconds; undefined where the client named none. */
  readonly timeout: number | undefined;
  /** The OACK's options in the order and spelling of the request; empty: no OACK is sent. */
  readonly oack: readonly Option[];
}

/** A decimal number within bounds, or undefined. */
function decimal(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

/**
 * Answers a read request's options (RFC 2347): blksize (RFC 2348), timeout and tsize (RFC 2349), windowsize (RFC 7440).
 * Never more than was asked: edk2 ends a transfer whose OACK names a larger value or an option that it did not ask for.
 * Options that are unknown or out of the RFC's range are left out; of an option given twice the first counts.
 * @param size the file's, in octets; undefined where it is not known
 */
export function negotiate(asked: readonly Option[], size: number | undefined, limits: OptionLimits): Negotiated {
  let blksize = 512;
  let windowsize = 1;
  let timeout: number | undefined;
  const granted = new Map<string, Option>();
  for (const [name, text] of asked) {
    const key = name.toLowerCase();
    if (granted.has(key)) continue;
    const grant = (value: number): number => {
      granted.set(key, [name, String(value)]);
      return value;
    };
    if (key === 'blksize') {
      const value = decimal(text, 8, 65464);
      if (value !== undefined) blksize = grant(Math.min(value, limits.blksize));
    } else if (key === 'windowsize') {
      const value = decimal(text, 1, 65535);
      if (value !== undefined) windowsize = grant(Math.min(value, limits.windowsize));
    } else if (key === 'timeout') {
      const value = decimal(text, 1, 255);
      if (value !== undefined) timeout = grant(value);
    } else if (key === 'tsize') {
      // curl takes a size of 0 for a broken OACK.
      if (size !== undefined && size > 0) grant(size);
    }
  }
  return { blksize, windowsize, timeout, oack: [...granted.values()] };
}
