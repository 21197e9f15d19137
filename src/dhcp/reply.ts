import { MessageType, Option } from './codec/options.ts';
import { addressBytes, BROADCAST, encodePacket, Op, type Packet } from './codec/packet.ts';
import type { DhcpIdentity, Reply } from './decide.ts';
import type { PxeRequest, ServerPort } from './request.ts';
import { type Silence, silence } from './silence.ts';

/** The address and port that a request came from. */
export interface Sender {
  readonly address: string;
  readonly port: number;
}

/** A datagram to be sent. */
export interface Datagram {
  readonly bytes: Uint8Array;
  readonly address: string;
  readonly port: number;
  /** The port it must come from: iPXE and EDK2 drop an OFFER not from 67 and an ACK not from 4011. */
  readonly from: ServerPort;
}

/** RFC 2131 section 2: every client takes 576 octets, with the headers of IP and UDP. */
const MIN_MAX_SIZE = 576;
/** No fragments: boot ROMs cannot reassemble them. EDK2 also sends its limit with the octets swapped. */
const MAX_MAX_SIZE = 1500;
const IP_UDP_HEADERS = 28;
/** The `file` field without the zero that ends it (RFC 2131 section 2). */
const FILE_LENGTH = 127;
/** The longest name in one option 67 without the zero that ends it. */
const MAX_NAME = 254;

function bytes(text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) octets[i] = text.charCodeAt(i);
  return octets;
}

/** The longest DHCP message that the client takes, octets. */
function maxLength({ options }: Packet): number {
  const asked = options.get(Option.MAX_SIZE);
  const size = asked?.length === 2 ? ((asked[0] ?? 0) << 8) | (asked[1] ?? 0) : MIN_MAX_SIZE;
  return Math.min(Math.max(size, MIN_MAX_SIZE), MAX_MAX_SIZE) - IP_UDP_HEADERS;
}

/** Option 97 goes back as it came (RFC 4578 section 2.3) if it is one: of 17 octets, or empty. */
function machineId({ options }: Packet): Uint8Array | undefined {
  const id = options.get(Option.MACHINE_ID);
  return id && (id.length === 0 || id.length === 17) ? id : undefined;
}

function replyOptions(packet: Packet, reply: Reply, server: DhcpIdentity): Map<number, Uint8Array> {
  const type = reply.type === 'offer' ? MessageType.OFFER : MessageType.ACK;
  const wanted: readonly (readonly [number, Uint8Array | undefined])[] = [
    [Option.MESSAGE_TYPE, Uint8Array.of(type)],
    [Option.SERVER_ID, addressBytes(server.address)],
    [Option.VENDOR_CLASS, bytes(reply.vendorClass)],
    [Option.MACHINE_ID, machineId(packet)],
    [Option.VENDOR, reply.vendorOptions],
    [Option.TFTP_SERVER, reply.tftpServer === undefined ? undefined : bytes(reply.tftpServer)],
    // Old ROMs append 0xff to a name without a zero, and EDK2 overwrites the octet behind it.
    [Option.BOOT_FILE, reply.bootFile === undefined ? undefined : bytes(`${reply.bootFile}\0`)],
    // The relay's own option stays the last (RFC 3046 section 2.2).
    [Option.RELAY_AGENT, packet.options.get(Option.RELAY_AGENT)],
  ];
  return new Map(wanted.filter((entry): entry is readonly [number, Uint8Array] => entry[1] !== undefined));
}

/** Whether a relay can have this address; `giaddr` decides where an OFFER goes. */
function isHost(address: string): boolean {
  const first = Number.parseInt(address, 10);
  return first > 0 && first < 224 && first !== 127;
}

/** The destination of the reply: the relay (RFC 2131 section 4.1), else broadcast; on port 4011 the sender. */
function destination(request: PxeRequest, sender: Sender): Sender | Silence {
  const { giaddr } = request.packet;
  const to =
    request.port === 4011
      ? sender
      : giaddr === '0.0.0.0'
        ? { address: '255.255.255.255', port: 68 }
        : { address: giaddr, port: 67 };
  const broadcast = request.port === 67 && giaddr === '0.0.0.0';
  if (broadcast || (isHost(to.address) && to.port !== 0)) return to;
  return silence('address', `${to.address}:${to.port}`);
}

/**
 * Writes an OFFER or ACK (RFC 2131 table 3, without a lease) with its destination.
 * `siaddr` and option 54 are never 0: iPXE needs the one and EDK2 the other. The broadcast flag of an OFFER is always
 * set, as the client has no address yet and a relay would otherwise send to 0.0.0.0.
 */
export function buildReply(
  request: PxeRequest,
  reply: Reply,
  server: DhcpIdentity,
  sender: Sender,
): Datagram | Silence {
  const { packet, port } = request;
  const to = destination(request, sender);
  if ('silent' in to) return to;
  const file = reply.bootFile ?? '';
  if (file.length > MAX_NAME) return silence('too-long', `a boot file name of ${file.length} octets`);
  const options = replyOptions(packet, reply, server);
  const message: Packet = {
    op: Op.REPLY,
    htype: packet.htype,
    hlen: packet.hlen,
    hops: 0,
    xid: packet.xid,
    secs: packet.secs,
    flags: port === 67 ? BROADCAST : packet.flags,
    ciaddr: port === 67 ? '0.0.0.0' : packet.ciaddr,
    yiaddr: '0.0.0.0',
    siaddr: server.address,
    giaddr: packet.giaddr,
    chaddr: packet.chaddr,
    sname: bytes(server.address),
    file: file.length <= FILE_LENGTH ? bytes(file) : new Uint8Array(),
    options,
  };
  const limit = maxLength(packet);
  let encoded = encodePacket(message);
  if (encoded.length > limit && message.file.length > 0) {
    // The name stands in the header as well.
    options.delete(Option.BOOT_FILE);
    encoded = encodePacket(message);
  }
  if (encoded.length > limit) return silence('too-long', `${encoded.length} octets, the client takes ${limit}`);
  return { bytes: encoded, address: to.address, port: to.port, from: port };
}
