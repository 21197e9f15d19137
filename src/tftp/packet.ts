/** The operation codes of RFC 1350 section 5 and RFC 2347. */
const OPCODE = { read: 1, write: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** The error codes of RFC 1350 (appendix) and RFC 2347. */
export const ERROR = {
  undefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransferId: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionRefused: 8,
} as const;

/** An option as it stands in a request or an OACK, in the sender's own spelling. */
export type Option = readonly [name: string, value: string];

/** RRQ or WRQ. Strings hold one character per octet (latin1): the protocol names no character set. */
export interface Request {
  readonly kind: 'read' | 'write';
  readonly filename: string;
  /** As sent: any case. */
  readonly mode: string;
  readonly options: readonly Option[];
}

/** A TFTP packet. Block numbers are those of the wire: 0 to 65535. */
export type Packet =
  | Request
  | { readonly kind: 'data'; readonly block: number; readonly payload: Uint8Array }
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'oack'; readonly options: readonly Option[] };

/** The reason why bytes are no TFTP packet. */
export interface Malformed {
  readonly kind: 'malformed';
  readonly reason: 'too-short' | 'too-long' | 'unknown-opcode' | 'unterminated' | 'no-filename';
}

/** RFC 2347 allows 512 octets, and some clients send a little more: what fits one Ethernet frame is enough. */
const MAX_REQUEST = 1472;
/** The longest text of an ERROR, octets: longer ones are cut. */
const MAX_MESSAGE = 200;

const malformed = (reason: Malformed['reason']): Malformed => ({ kind: 'malformed', reason });

/** A 16-bit number in network order. */
const readWord = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

/** The zero-terminated strings from an offset on; a last one without its zero is left out. */
function strings(bytes: Uint8Array, offset: number): readonly string[] {
  const found: string[] = [];
  for (let at = offset, end = bytes.indexOf(0, at); end >= 0; at = end + 1, end = bytes.indexOf(0, at)) {
    found.push(latin1(bytes.subarray(at, end)));
  }
  return found;
}

/** Pairs of name and value up to the first empty name: firmware pads requests with zeros. Half a pair is left out. */
function options(texts: readonly string[]): readonly Option[] {
  const found: Option[] = [];
  for (let i = 0; i + 1 < texts.length; i += 2) {
    const [name, value] = [texts[i], texts[i + 1]];
    if (!name || value === undefined) break;
    found.push([name, value]);
  }
  return found;
}

/**
 * Decodes a datagram (RFC 1350 section 5, RFC 2347).
 * @returns the packet, whose payload shares the datagram's memory, or why the bytes are none; never throws
 */
export function decodePacket(datagram: Uint8Array): Packet | Malformed {
  if (datagram.length < 2) return malformed('too-short');
  const opcode = readWord(datagram, 0);
  switch (opcode) {
    case OPCODE.read:
    case OPCODE.write: {
      if (datagram.length > MAX_REQUEST) return malformed('too-long');
      const [filename, mode, ...rest] = strings(datagram, 2);
      if (filename === undefined || mode === undefined) return malformed('unterminated');
      if (filename === '') return malformed('no-filename');
      return { kind: opcode === OPCODE.read ? 'read' : 'write', filename, mode, options: options(rest) };
    }
    case OPCODE.data:
      if (datagram.length < 4) return malformed('too-short');
      return { kind: 'data', block: readWord(datagram, 2), payload: datagram.subarray(4) };
    case OPCODE.ack:
      if (datagram.length < 4) return malformed('too-short');
      return { kind: 'ack', block: readWord(datagram, 2) };
    case OPCODE.error: {
      if (datagram.length < 4) return malformed('too-short');
      // Some clients leave out the text's zero, or the text.
      const end = datagram.indexOf(0, 4);
      const text = datagram.subarray(4, Math.min(end < 0 ? datagram.length : end, 4 + MAX_MESSAGE));
      return { kind: 'error', code: readWord(datagram, 2), message: latin1(text) };
    }
    case OPCODE.oack:
      if (datagram.length > MAX_REQUEST) return malformed('too-long');
      return { kind: 'oack', options: options(strings(datagram, 2)) };
    default:
      return malformed('unknown-opcode');
  }
}

const terminated = (texts: readonly string[]): Buffer =>
  Buffer.from(texts.map((text) => `${text}\0`).join(''), 'latin1');

function withOpcode(opcode: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([Uint8Array.of(0, opcode), ...parts]);
}

/** A 16-bit number in network order; larger ones wrap around, as block numbers do. */
const word = (value: number): Uint8Array => Uint8Array.of((value >> 8) & 0xff, value & 0xff);

/** The octets before a DATA packet's payload. */
export const DATA_HEADER = 4;

/**
 * Writes the DATA packets of consecutive blocks, one behind the other. Hot: it copies once and does nothing else.
 * @param bytes target, long enough for all
 * @returns the part of `bytes` that was written
 */
export function encodeBlocks(first: number, payloads: readonly Uint8Array[], bytes: Uint8Array): Uint8Array {
  let at = 0;
  let block = first;
  for (const payload of payloads) {
    bytes[at] = 0;
    bytes[at + 1] = OPCODE.data;
    bytes[at + 2] = (block >> 8) & 0xff;
    bytes[at + 3] = block & 0xff;
    bytes.set(payload, at + DATA_HEADER);
    at += DATA_HEADER + payload.length;
    block += 1;
  }
  return bytes.subarray(0, at);
}

/** The datagram of a packet (RFC 1350 section 5, RFC 2347). Strings are one octet per character. */
export function encodePacket(packet: Packet): Uint8Array {
  switch (packet.kind) {
    case 'read':
    case 'write':
      return withOpcode(OPCODE[packet.kind], terminated([packet.filename, packet.mode, ...packet.options.flat()]));
    case 'data':
      return encodeBlocks(packet.block, [packet.payload], Buffer.alloc(DATA_HEADER + packet.payload.length));
    case 'ack':
      return withOpcode(OPCODE.ack, word(packet.block));
    case 'error':
      return withOpcode(OPCODE.error, word(packet.code), terminated([packet.message]));
    case 'oack':
      return withOpcode(OPCODE.oack, terminated(packet.options.flat()));
  }
}
