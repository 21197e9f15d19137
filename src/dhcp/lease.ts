import type { BootEvent } from '../model/event.ts';
import type { Mac } from '../model/machine/mac.ts';
import { hardwareAddresses } from './codec/hardware.ts';
import { MessageType, Option } from './codec/options.ts';
import { Op, type Packet } from './codec/packet.ts';

/** A lease that a machine asks another DHCP server for. */
export interface AskedLease {
  readonly mac: Mac;
  /** IPv4, dotted. */
  readonly address: string;
}

/**
 * The lease that a machine asks for when it has chosen a server's offer (RFC 2131 section 4.3.2, SELECTING): all servers
 * hear that, as it is broadcast. Undefined for all other packets, and for machines that do not boot from the network.
 */
export function askedLease(packet: Packet): AskedLease | undefined {
  const { options } = packet;
  const address = options.get(Option.REQUESTED_ADDRESS);
  if (packet.op !== Op.REQUEST || options.get(Option.MESSAGE_TYPE)?.[0] !== MessageType.REQUEST) return undefined;
  const vendorClass = Buffer.from(options.get(Option.VENDOR_CLASS) ?? []).toString('latin1');
  const mac = hardwareAddresses(packet)?.[0];
  if (address?.length !== 4 || mac === undefined || !/^(?:PXE|HTTP)Client/.test(vendorClass)) return undefined;
  return { mac, address: address.join('.') };
}

/** The event by which it is known which machine has the address. */
export function leaseEvent({ mac, address }: AskedLease): BootEvent {
  const message = `${mac} asks another DHCP server for ${address}`;
  return { event: 'dhcp.lease', level: 'debug', message, mac, to: address };
}
