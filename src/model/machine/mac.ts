/** A link-layer address in its one canonical spelling: lower-case pairs joined by colons. */
export type Mac = string & { readonly brand: unique symbol };

/** Ethernet (48 bits), an InfiniBand port GUID (64 bits), an IPoIB link-layer address (160 bits). */
const LENGTHS = new Set([6, 8, 20]);

/** Pairs joined by one separator used throughout, groups of four joined by dots, or bare digits. */
const SPELLINGS = [
  /^[0-9a-f]{2}(?:([:.-])[0-9a-f]{2})(?:\1[0-9a-f]{2})+$/i,
  /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i,
  /^[0-9a-f]+$/i,
];

/** The canonical spelling of 48 bits: the common case. */
const CANONICAL = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/**
 * Reads a hardware address in any spelling in use: `52:54:00:00:00:01`, `52-54-00-00-00-01`, `5254.0000.0001`,
 * `525400000001`, upper or lower case.
 * @returns the canonical spelling, or undefined if the text is no address of 6, 8 or 20 octets
 */
export function parseMac(text: string): Mac | undefined {
  if (CANONICAL.test(text)) return text as Mac;
  if (text.length > 60 || !SPELLINGS.some((spelling) => spelling.test(text))) return undefined;
  const digits = text.replace(/[^0-9a-f]/gi, '').toLowerCase();
  if (digits.length % 2 !== 0 || !LENGTHS.has(digits.length / 2)) return undefined;
  return digits.replace(/(..)(?!$)/g, '$1:') as Mac;
}

const PAIRS = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

/** The address of raw octets as they stand in a packet, or undefined for a length that no known hardware has. */
export function macOfBytes(bytes: Uint8Array): Mac | undefined {
  if (!LENGTHS.has(bytes.length)) return undefined;
  let text = PAIRS[bytes[0] ?? 0] ?? '';
  for (let i = 1; i < bytes.length; i++) text += `:${PAIRS[bytes[i] ?? 0]}`;
  return text as Mac;
}

/** The spelling that survives in URLs: iPXE percent-encodes colons there. */
export function hyphenated(mac: Mac): string {
  return mac.replaceAll(':', '-');
}
