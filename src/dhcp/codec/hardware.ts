import { type Mac, macOfBytes } from '../../model/machine/mac.ts';
import { Option } from './options.ts';
import type { Packet } from './packet.ts';

/** ARP hardware type of InfiniBand (RFC 4390 section 2.1). */
const INFINIBAND = 32;
/** DUID types (RFC 8415 section 11). */
const DUID = { LLT: 1, EN: 2, LL: 3, UUID: 4 } as const;

/** The link-layer address inside a DUID, or the GUID at the end of the one that Mellanox firmware makes. */
function addressOfDuid(duid: Uint8Array): Uint8Array {
  const type = ((duid[0] ?? 0) << 8) | (duid[1] ?? 0);
  if (type === DUID.LLT) return duid.subarray(8);
  if (type === DUID.LL) return duid.subarray(4);
  // `00 02 | 00 00 02 c9 | 00 | port GUID`: Mellanox FlexBoot, and what OpenStack Ironic configures for it.
  if (type === DUID.EN && duid.length >= 14) return duid.subarray(duid.length - 8);
  return new Uint8Array();
}

/**
 * The address inside a client identifier (option 61): after the hardware type (RFC 2132 section 9.14; iPXE on
 * InfiniBand sends 32 and the 20 octets of IPoIB), or in the DUID of RFC 4361, which RFC 4390 asks for.
 */
function addressOfClientId(id: Uint8Array): Uint8Array {
  if (id[0] === INFINIBAND) return id.subarray(1);
  if (id[0] === 255) return addressOfDuid(id.subarray(5));
  return new Uint8Array();
}

/**
 * The addresses under which a configuration may know an InfiniBand port: that of IPoIB (20 octets; its first four, the
 * queue pair, change from boot to boot), and the port GUID (8 octets). iPXE before eIPoIB put the GUID into chaddr; RFC
 * 4390 leaves chaddr empty.
 */
function infinibandAddresses(packet: Packet): readonly Mac[] {
  const field = packet.chaddr.subarray(0, packet.hlen);
  const id = addressOfClientId(packet.options.get(Option.CLIENT_ID) ?? new Uint8Array());
  const long = id.length === 20 ? [id, id.subarray(12)] : [id];
  const macs = [...long, field].map(macOfBytes).filter((mac) => mac !== undefined);
  return [...new Set(macs)];
}

/**
 * The client's hardware addresses, best first; none where it is InfiniBand and does not say.
 * @returns undefined for other hardware
 */
export function hardwareAddresses(packet: Packet): readonly Mac[] | undefined {
  if (packet.htype === INFINIBAND && packet.hlen !== 6) return infinibandAddresses(packet);
  const mac = packet.hlen === 6 ? macOfBytes(packet.chaddr.subarray(0, 6)) : undefined;
  return mac && [mac];
}
