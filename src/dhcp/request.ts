import { clientArch, type Firmware } from '../model/machine/arch.ts';
import type { Mac } from '../model/machine/mac.ts';
import type { BootSettings } from '../model/settings/node.ts';
import { hardwareAddresses } from './codec/hardware.ts';
import { decodeOptions, MessageType, Option, PxeOption } from './codec/options.ts';
import { Op, type Packet } from './codec/packet.ts';
import { type Silence, silence } from './silence.ts';

/** The port of DHCP servers, and that of PXE boot servers (PXE 2.1 section 2.2). */
export type ServerPort = 67 | 4011;

/** The vendor class that a client sends and looks for in replies. */
export type VendorClass = 'PXEClient' | 'HTTPClient';

/** The kind of program that asks. */
type Client =
  | { readonly kind: 'pxe'; readonly firmware: Firmware }
  | { readonly kind: 'http'; readonly firmware: Firmware }
  /** `http`: whether it can fetch over HTTP; true where it does not list its features. */
  | { readonly kind: 'ipxe'; readonly firmware: Firmware; readonly http: boolean }
  | { readonly kind: 'raspberry-pi' };

/** A request of a machine that boots from the network. */
export interface PxeRequest {
  readonly port: ServerPort;
  readonly packet: Packet;
  /** Hardware addresses, best first; InfiniBand may have several spellings, or none. */
  readonly macs: readonly Mac[];
  readonly vendorClass: VendorClass;
  /** Number of option 93, or of the vendor class. */
  readonly arch: number;
  readonly client: Client;
  /** The sign by which the client was recognised, in words. */
  readonly by: string;
  /** As `${uuid}` of iPXE spells it. */
  readonly uuid?: string;
  /** Payload of option 43.71, the item that a boot menu led to: type and layer, 16 bits each. */
  readonly bootItem?: Uint8Array;
}

/** rpiboot in option 93. */
const RPIBOOT = 41;

/**
 * Raspberry Pi's own prefixes (IEEE registry MA-L, as of November 2026): its boot ROM claims to be a PC BIOS. For one
 * that is newer there is `firmware: raspberry-pi`.
 */
const RASPBERRY_PI = ['b8:27:eb', 'dc:a6:32', 'e4:5f:01', '28:cd:c1', 'd8:3a:dd', '2c:cf:67', '88:a2:9e'];

/** iPXE's feature codes inside option 175. */
const FEATURE_HTTP = 0x13;

const latin1 = (bytes: Uint8Array | undefined) =>
  bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1') : '';

/** The first known architecture of option 93, then of the vendor class's digits, and where it was found. */
function readArch(packet: Packet, vendorClass: string): { readonly arch: number; readonly by: string } | undefined {
  const listed = packet.options.get(Option.ARCH) ?? new Uint8Array();
  const codes: number[] = [];
  for (let at = 0; at + 1 < listed.length; at += 2) codes.push(((listed[at] ?? 0) << 8) | (listed[at + 1] ?? 0));
  const digits = /^(?:PXE|HTTP)Client:Arch:(\d{5})/.exec(vendorClass)?.[1];
  const own = codes.length;
  if (digits !== undefined) codes.push(Number(digits));
  const found = codes.findIndex((code) => code === RPIBOOT || clientArch(code) !== undefined);
  const arch = codes[found];
  return arch === undefined ? undefined : { arch, by: `${arch} in ${found < own ? 'option 93' : 'option 60'}` };
}

function archText({ options }: Packet): string {
  const listed = options.get(Option.ARCH);
  return listed ? `option 93 is ${Buffer.from(listed.subarray(0, 8)).toString('hex')}` : 'no option 93';
}

/**
 * Whether a machine identifier is a serial number four times, as a Raspberry Pi sends it unless its DHCP_OPTION97 says
 * otherwise. One octet throughout is what PCs without an identifier of their own have.
 */
function isSerialFourTimes(machine: Uint8Array | undefined): boolean {
  if (machine?.length !== 17) return false;
  const serial = latin1(machine.subarray(1, 5));
  return latin1(machine.subarray(1)) === serial.repeat(4) && serial !== (serial[0] ?? '').repeat(4);
}

/** The sign by which a client is a Raspberry Pi's boot ROM: a guess, as it claims to be a PC BIOS. */
function raspberryPiBy(packet: Packet, macs: readonly Mac[], arch: number): string | undefined {
  if (arch !== 0) return undefined;
  const machine = packet.options.get(Option.MACHINE_ID);
  if (latin1(machine?.subarray(1, 4)) === 'RPi') return '"RPi" in option 97';
  const prefix = macs.map((mac) => mac.slice(0, 8)).find((each) => RASPBERRY_PI.includes(each));
  if (prefix !== undefined) return `the prefix ${prefix} of its address`;
  return isSerialFourTimes(machine) ? 'one number four times in option 97' : undefined;
}

/** Whether the user class names iPXE: bare as iPXE sends it, or as a list of counted strings (RFC 3004 section 4). */
function isIpxeClass(userClass: Uint8Array | undefined): boolean {
  const text = latin1(userClass);
  return text === 'iPXE' || text === '\x04iPXE';
}

/** The features of iPXE; undefined for other clients. A chainloaded iPXE must not be sent iPXE again. */
function readIpxe({ options }: Packet): { readonly http: boolean } | undefined {
  const encapsulated = options.get(Option.IPXE);
  if (!encapsulated) return isIpxeClass(options.get(Option.USER_CLASS)) ? { http: true } : undefined;
  const { options: features, malformed } = decodeOptions(encapsulated);
  if (malformed !== undefined || features.size === 0) return { http: true };
  return { http: (features.get(FEATURE_HTTP)?.[0] ?? 0) !== 0 };
}

function readClient(
  packet: Packet,
  macs: readonly Mac[],
  vendorClass: VendorClass,
  { arch, by }: { readonly arch: number; readonly by: string },
): Pick<PxeRequest, 'arch' | 'client' | 'by'> {
  const firmware = clientArch(arch)?.firmware;
  const ipxe = readIpxe(packet);
  if (ipxe && firmware !== undefined) return { arch, client: { kind: 'ipxe', firmware, http: ipxe.http }, by };
  const pi = raspberryPiBy(packet, macs, arch);
  if (firmware === undefined || pi !== undefined) return { arch, client: { kind: 'raspberry-pi' }, by: pi ?? by };
  return { arch, client: { kind: vendorClass === 'HTTPClient' ? 'http' : 'pxe', firmware }, by };
}

/** The request with the firmware that the configuration names, whatever the boot ROM claims to be. */
export function withFirmware(request: PxeRequest, { firmware }: BootSettings): PxeRequest {
  const { client } = request;
  if (firmware === undefined || client.kind !== 'pxe' || client.firmware !== 'bios') return request;
  return { ...request, client: { kind: firmware.value }, by: firmware.from };
}

/** A GUID's first three fields are little-endian (RFC 4578 section 2.3); iPXE and SMBIOS print them in order. */
function readUuid(machine: Uint8Array | undefined): string | undefined {
  if (machine?.length !== 17 || machine[0] !== 0) return undefined;
  const hex = Buffer.from([4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16].map((i) => machine[i] ?? 0)).toString(
    'hex',
  );
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/**
 * Whether this server answers a message type: DISCOVER on 67, requests to a boot server on 4011 (PXE 2.1 section 2.2).
 */
function isForUs(type: number | undefined, port: ServerPort): boolean {
  return port === 67 ? type === MessageType.DISCOVER : type === MessageType.REQUEST || type === MessageType.INFORM;
}

function readVendorClass(packet: Packet): { readonly text: string; readonly name: VendorClass } | Silence {
  const text = latin1(packet.options.get(Option.VENDOR_CLASS));
  const name = (['HTTPClient', 'PXEClient'] as const).find((prefix) => text.startsWith(prefix));
  return name ? { text, name } : silence('vendor-class', text.slice(0, 40));
}

/** The boot item of option 43, which only boot servers get. */
function readBootItem(packet: Packet, port: ServerPort): { readonly bootItem?: Uint8Array } | Silence {
  const vendor = port === 4011 ? packet.options.get(Option.VENDOR) : undefined;
  if (!vendor) return {};
  const { options, malformed } = decodeOptions(vendor);
  if (malformed !== undefined) return silence('malformed', `option 43: ${malformed}`);
  const bootItem = options.get(PxeOption.BOOT_ITEM);
  if (!bootItem) return {};
  return bootItem.length === 4 ? { bootItem } : silence('malformed', 'option 43.71 is not of 4 octets');
}

/**
 * Reads a packet as a PXE request. Of malformed options the readable ones count; where these are not enough, the
 * malformed ones are the reason for the silence.
 */
export function readPxeRequest(packet: Packet, port: ServerPort): PxeRequest | Silence {
  const read = readSound(packet, port);
  const missing = 'silent' in read && ['message-type', 'vendor-class', 'architecture'].includes(read.reason);
  return missing && packet.malformed !== undefined ? silence('malformed', packet.malformed) : read;
}

function readSound(packet: Packet, port: ServerPort): PxeRequest | Silence {
  if (packet.op !== Op.REQUEST) return silence('not-a-request', `op ${packet.op}`);
  const macs = hardwareAddresses(packet);
  if (!macs) return silence('hardware', `type ${packet.htype}, length ${packet.hlen}`);
  const type = packet.options.get(Option.MESSAGE_TYPE);
  if (type?.length !== 1 || !isForUs(type[0], port)) return silence('message-type', `${type?.[0] ?? 'none'}`);
  const vendorClass = readVendorClass(packet);
  if ('silent' in vendorClass) return vendorClass;
  const arch = readArch(packet, vendorClass.text);
  if (arch === undefined) return silence('architecture', archText(packet));
  const uuid = readUuid(packet.options.get(Option.MACHINE_ID));
  const item = readBootItem(packet, port);
  if ('silent' in item) return item;
  return {
    port,
    packet,
    macs,
    vendorClass: vendorClass.name,
    ...readClient(packet, macs, vendorClass.name, arch),
    ...(uuid === undefined ? {} : { uuid }),
    ...item,
  };
}
