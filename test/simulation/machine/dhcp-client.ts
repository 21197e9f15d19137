import { decodeOptions, MessageType, Option, PxeOption } from '../../../src/dhcp/codec/options.ts';
import { decodePacket, encodePacket, type Packet } from '../../../src/dhcp/codec/packet.ts';
import type { ServerPort } from '../../../src/dhcp/request.ts';
import type { Machine } from './machine.ts';

/** A program that asks DHCP: firmware, or iPXE. */
export interface DhcpStyle {
  readonly vendorClass: 'PXEClient' | 'HTTPClient';
  readonly arch: number;
  readonly isIpxe?: boolean;
  /** Seconds between its requests. */
  readonly waits: readonly number[];
}

/** PXE 2.1 section 2.2.2, table 2-3: 4, 8, 16 and 32 seconds. */
const PXE_WAITS = [4, 8, 16, 32];
export const FIRMWARE = {
  bios: { vendorClass: 'PXEClient', arch: 0, waits: PXE_WAITS },
  x64: { vendorClass: 'PXEClient', arch: 7, waits: PXE_WAITS },
  arm64: { vendorClass: 'PXEClient', arch: 11, waits: PXE_WAITS },
  http: { vendorClass: 'HTTPClient', arch: 16, waits: PXE_WAITS },
  pi: { vendorClass: 'PXEClient', arch: 0, waits: [1, 1, 1, 1, 1] },
} satisfies Record<string, DhcpStyle>;
/** iPXE (src/net/udp/dhcp.c): from one second, doubled. */
export const ipxe = (arch: number): DhcpStyle => ({
  vendorClass: 'PXEClient',
  arch,
  isIpxe: true,
  waits: [1, 2, 4, 8, 16],
});

const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const addressBytes = (address: string) => Uint8Array.from(address.split('.').map(Number));
const ROUTER = '10.0.0.1';

/** A request of a machine. */
function request(machine: Machine, style: DhcpStyle, xid: number, type: number, more: Packet['options']): Uint8Array {
  const { arch, vendorClass } = style;
  const chaddr = Uint8Array.from([
    ...machine.mac.split(':').map((octet) => Number.parseInt(octet, 16)),
    ...Array(10).fill(0),
  ]);
  const nothing = { ciaddr: '0.0.0.0', yiaddr: '0.0.0.0', siaddr: '0.0.0.0', giaddr: '0.0.0.0' };
  const empty = { sname: new Uint8Array(), file: new Uint8Array() };
  const number = String(arch).padStart(5, '0');
  const features = Uint8Array.of(0x13, 1, 1, 0x12, 1, 1);
  const options: [number, Uint8Array][] = [
    [Option.MESSAGE_TYPE, Uint8Array.of(type)],
    [Option.VENDOR_CLASS, ascii(`${vendorClass}:Arch:${number}:UNDI:003016`)],
    [Option.ARCH, Uint8Array.of(arch >> 8, arch & 255)],
    [Option.MACHINE_ID, Uint8Array.from([0, ...chaddr.subarray(0, 6), ...Array(10).fill(7)])],
    ...(style.isIpxe
      ? ([
          [Option.USER_CLASS, ascii('iPXE')],
          [Option.IPXE, features],
        ] as [number, Uint8Array][])
      : []),
    ...more,
  ];
  return encodePacket({
    ...{ op: 1, htype: 1, hlen: 6, hops: 0, xid, secs: 4, flags: 0x8000, chaddr, options: new Map(options) },
    ...nothing,
    ...empty,
  });
}

/** Sends a packet to the server, and has its answer brought back. */
function send(machine: Machine, bytes: Uint8Array, port: ServerPort): void {
  const { network, server } = machine.around;
  const sender = port === 67 ? { address: '0.0.0.0', port: 68 } : { address: machine.address, port: 4011 };
  network.carry(() => {
    const answer = server.dhcp(bytes, port, sender);
    if (answer) network.carry(() => machine.dhcp.put(answer.bytes));
  });
}

/** Sends a request until its answer comes. */
async function ask(machine: Machine, waits: readonly number[], port: ServerPort, xid: number, bytes: Uint8Array) {
  machine.dhcp.clear();
  for (const seconds of waits) {
    send(machine, bytes, port);
    const until = machine.around.clock.now + seconds * 1000;
    for (let left = until - machine.around.clock.now; left > 0; left = until - machine.around.clock.now) {
      const reply = await machine.dhcp.next(left);
      const packet = reply && decodePacket(reply);
      if (packet && !('silent' in packet) && packet.xid === xid) return packet;
    }
  }
  return undefined;
}

/** What a machine learnt by DHCP. */
export interface Offer {
  readonly bootFile: string;
  /** Whether it is to boot that at once (PXE 2.1 table 2-1, option 43.6, bit 3). */
  readonly atOnce: boolean;
}

function offerOf({ options }: Packet): Offer {
  const bootFile = Buffer.from(options.get(Option.BOOT_FILE) ?? [])
    .toString('latin1')
    .replace(/\0.*$/, '');
  const vendor = decodeOptions(options.get(Option.VENDOR) ?? new Uint8Array()).options;
  return { bootFile, atOnce: ((vendor.get(PxeOption.DISCOVERY_CONTROL)?.[0] ?? 0) & 8) !== 0 };
}

/** DHCP with the other server's lease and this server's offer. Undefined where this server's did not come. */
export async function discover(machine: Machine, style: DhcpStyle): Promise<Offer | undefined> {
  const xid = machine.around.random.below(2 ** 32);
  const bytes = request(machine, style, xid, MessageType.DISCOVER, new Map());
  const packet = await ask(machine, style.waits, 67, xid, bytes);
  if (!packet) {
    machine.note(`DHCP: no offer to ${style.isIpxe ? 'iPXE' : 'the firmware'}`);
    return undefined;
  }
  // The other server's lease is accepted; the request for it is broadcast.
  const lease = new Map([
    [50, addressBytes(machine.address)],
    [Option.SERVER_ID, addressBytes(ROUTER)],
  ]);
  send(machine, request(machine, style, xid, MessageType.REQUEST, lease), 67);
  await machine.sleep(0.01, 0.5);
  const offer = offerOf(packet);
  machine.note(`DHCP: offered ${offer.bootFile}${offer.atOnce ? ', at once' : ''}`);
  return offer;
}

/** Asks the boot server on port 4011 for the boot file (PXE 2.1 section 2.2.4). */
export async function askBootServer(machine: Machine, style: DhcpStyle): Promise<string | undefined> {
  const xid = machine.around.random.below(2 ** 32);
  const bytes = request(machine, style, xid, MessageType.REQUEST, new Map());
  const packet = await ask(machine, [4, 4, 4, 4], 4011, xid, bytes);
  machine.note(packet ? 'port 4011: answered' : 'port 4011: no answer');
  return packet && offerOf(packet).bootFile;
}
