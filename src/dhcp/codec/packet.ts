import { writeIpv4 } from '../../model/sockets/ipv4.ts';
import { type Silence, silence } from '../silence.ts';
import { type DecodedOptions, decodeOptions, encodeOptions, Option, type Options } from './options.ts';

/** BOOTREQUEST and BOOTREPLY (RFC 2131 section 2). */
export const Op = { REQUEST: 1, REPLY: 2 } as const;

/** The flag of a client that wants replies by broadcast (RFC 2131 section 2). */
export const BROADCAST = 0x8000;

/** A DHCP message (RFC 2131 figure 1) with the options of all its fields. */
export interface Packet {
  readonly op: number;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds; iPXE keeps notes of its own in it. */
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** All 16 octets of the field, whatever `hlen` says. */
  readonly chaddr: Uint8Array;
  /** At most 64 octets, without trailing zeros; empty where the field held options. */
  readonly sname: Uint8Array;
  /** At most 128 octets, without trailing zeros; empty where the field held options. */
  readonly file: Uint8Array;
  readonly options: Options;
  /** The first malformed option, in words. */
  readonly malformed?: string;
}

const COOKIE = 0x63825363;
const OPTIONS_AT = 240;
/** Octets of a message that are read: as many as fit the largest frame of Ethernet or IPoIB of a boot ROM. */
const MAX_LENGTH = 2048;
/** The shortest message that old BOOTP clients and relays accept, octets (RFC 1542 section 2.1). */
const MIN_LENGTH = 300;

const SNAME = { at: 44, length: 64 };
const FILE = { at: 108, length: 128 };

const ip = (bytes: Uint8Array, at: number) => `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;

/** The field without the zeros at its end. */
function text(bytes: Uint8Array, { at, length }: { at: number; length: number }): Uint8Array {
  let end = at + length;
  while (end > at && bytes[end - 1] === 0) end--;
  return bytes.subarray(at, end);
}

/** The options of the options field and, as option 52 says, of `file` and then `sname` (RFC 3396 section 5). */
function allOptions(bytes: Uint8Array): DecodedOptions & { readonly overload: number } {
  const main = bytes.subarray(OPTIONS_AT);
  const first = decodeOptions(main);
  const overload = first.options.get(Option.OVERLOAD)?.[0];
  if (overload === undefined) return { ...first, overload: 0 };
  const all = decodeOptions(
    main,
    ...(overload & 1 ? [bytes.subarray(FILE.at, FILE.at + FILE.length)] : []),
    ...(overload & 2 ? [bytes.subarray(SNAME.at, SNAME.at + SNAME.length)] : []),
  );
  const options = new Map(all.options);
  options.delete(Option.OVERLOAD);
  return { ...all, options, overload };
}

/** Reads a DHCP message. The result shares no memory with `datagram`. */
export function decodePacket(datagram: Uint8Array): Packet | Silence {
  if (datagram.length < OPTIONS_AT) return silence('too-short', `${datagram.length} octets`);
  const bytes = new Uint8Array(datagram.subarray(0, MAX_LENGTH));
  const view = new DataView(bytes.buffer);
  if (view.getUint32(236) !== COOKIE) return silence('no-cookie');
  const read = allOptions(bytes);
  return {
    op: view.getUint8(0),
    htype: view.getUint8(1),
    hlen: view.getUint8(2),
    hops: view.getUint8(3),
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    flags: view.getUint16(10),
    ciaddr: ip(bytes, 12),
    yiaddr: ip(bytes, 16),
    siaddr: ip(bytes, 20),
    giaddr: ip(bytes, 24),
    chaddr: bytes.subarray(28, 44),
    sname: read.overload & 2 ? new Uint8Array() : text(bytes, SNAME),
    file: read.overload & 1 ? new Uint8Array() : text(bytes, FILE),
    options: read.options,
    ...(read.malformed === undefined ? {} : { malformed: read.malformed }),
  };
}

/**
 * Writes a DHCP message, filled up with zeros to 300 octets.
 * @throws RangeError if `sname` or `file` does not fit its field
 */
export function encodePacket(packet: Packet): Uint8Array {
  const options = encodeOptions(packet.options);
  const bytes = new Uint8Array(Math.max(MIN_LENGTH, OPTIONS_AT + options.length));
  const view = new DataView(bytes.buffer);
  bytes.set([packet.op, packet.htype, packet.hlen, packet.hops]);
  view.setUint32(4, packet.xid);
  view.setUint16(8, packet.secs);
  view.setUint16(10, packet.flags);
  for (const [i, address] of [packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr].entries()) {
    writeIpv4(bytes, 12 + 4 * i, address);
  }
  bytes.set(packet.chaddr.subarray(0, 16), 28);
  for (const [field, { at, length }] of [
    [packet.sname, SNAME],
    [packet.file, FILE],
  ] as const) {
    if (field.length > length) throw new RangeError(`${field.length} octets do not fit a field of ${length}`);
    bytes.set(field, at);
  }
  view.setUint32(236, COOKIE);
  bytes.set(options, OPTIONS_AT);
  return bytes;
}

/** The four octets of a dotted IPv4 address. */
export function addressBytes(address: string): Uint8Array {
  const bytes = new Uint8Array(4);
  writeIpv4(bytes, 0, address);
  return bytes;
}
