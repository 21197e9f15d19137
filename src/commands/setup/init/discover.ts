import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { MessageType, Option } from '../../../dhcp/codec/options.ts';
import { BROADCAST, decodePacket, encodePacket, Op } from '../../../dhcp/codec/packet.ts';
import { bindUdp, closeUdp } from '../../../model/sockets/listen.ts';
import { udpFd } from '../../../model/sockets/socket-fd.ts';
import { openSyscalls } from '../../../model/sockets/syscalls.ts';
import type { SeenInterface, SeenServer } from './first-config.ts';

const NONE = '0.0.0.0';
const ETHERNET = 1;
/** Option codes that are asked for: mask, router, TFTP server, boot file. */
const PARAMETER_LIST = 55;
const WANTED = [1, 3, Option.TFTP_SERVER, Option.BOOT_FILE];

/** A DISCOVER of an ordinary client with an interface's address (RFC 2131 section 4.4.1). Nothing is reserved by it. */
export function discoverPacket(mac: string, xid: number): Uint8Array {
  const chaddr = Buffer.from(mac.replaceAll(':', ''), 'hex');
  return encodePacket({
    ...{ op: Op.REQUEST, htype: ETHERNET, hlen: chaddr.length, hops: 0, xid, secs: 0, flags: BROADCAST },
    ...{ ciaddr: NONE, yiaddr: NONE, siaddr: NONE, giaddr: NONE },
    ...{ chaddr, sname: new Uint8Array(), file: new Uint8Array() },
    options: new Map([
      [Option.MESSAGE_TYPE, Uint8Array.of(MessageType.DISCOVER)],
      [PARAMETER_LIST, Uint8Array.from(WANTED)],
    ]),
  });
}

/** The server of an OFFER with an address, to the DISCOVER of this number; undefined for all else. */
export function serverOf(datagram: Uint8Array, xid: number, name: string): SeenServer | undefined {
  const packet = decodePacket(datagram);
  if (!('options' in packet) || packet.op !== Op.REPLY || packet.xid !== xid) return undefined;
  const id = packet.options.get(Option.SERVER_ID);
  const offer = packet.options.get(Option.MESSAGE_TYPE)?.[0] === MessageType.OFFER;
  if (!offer || packet.yiaddr === NONE || id?.length !== 4) return undefined;
  const file = Buffer.from(packet.options.get(Option.BOOT_FILE) ?? packet.file).toString('latin1');
  const bootFile = file.replace(/\0.*$/s, '');
  return { interface: name, address: id.join('.'), bootFile: bootFile === '' ? undefined : bootFile };
}

/**
 * Asks the network of an interface for its DHCP servers, as a machine does that wants an address, and waits for all
 * that answer in time.
 * @param waitMs milliseconds to wait for answers
 * @throws Error where port 68 or the interface is not to be had
 */
export async function discoverServers({ name, mac }: SeenInterface, waitMs: number): Promise<readonly SeenServer[]> {
  const socket = await bindUdp({
    ...{ service: 'a question for DHCP servers', address: NONE, port: 68, reuseAddr: true },
    ...{ remedy: 'leave the question out with --no-probe', usualOwners: 'a DHCP client of this machine' },
  });
  try {
    const { syscalls, why } = await openSyscalls();
    if (!syscalls?.bindToDevice(udpFd(socket) ?? -1, name))
      throw new Error(`${name} cannot be asked alone: ${why ?? 'it needs root'}`);
    socket.setBroadcast(true);
    const xid = randomInt(2 ** 32);
    const found = new Map<string, SeenServer>();
    socket.on('message', (datagram) => {
      const server = serverOf(datagram, xid, name);
      if (server) found.set(server.address, server);
    });
    const packet = discoverPacket(mac, xid);
    await new Promise<void>((resolve, reject) => {
      socket.send(packet, 67, '255.255.255.255', (error) => (error ? reject(error) : resolve()));
    });
    await delay(waitMs);
    return [...found.values()];
  } finally {
    await closeUdp(socket);
  }
}
