import type { BootEvent } from '../event.ts';
import { dropOldest } from '../limits/drop-oldest.ts';
import { type Mac, parseMac } from '../machine/mac.ts';

/** IP addresses that are remembered, and those whose machine is not known yet. */
const KNOWN = 20_000;
const UNKNOWN = 2000;
/** Events of one address that wait for its machine to be known. */
const WAITING = 20;
/** Milliseconds after which they are dropped. */
const PATIENCE = 10 * 60_000;

/** An event that waits for its machine to be known. */
export interface EarlierEvent {
  readonly event: BootEvent;
  readonly at: number;
}

/** The IP address of an event's client: `client` or `peer` with or without a port, or `to` of a DHCP reply. */
export function addressOf({ event, client, peer, to }: BootEvent): string | undefined {
  const text = event.startsWith('dhcp.') ? to : (peer ?? client);
  const address = typeof text === 'string' ? text.replace(/:\d+$/, '').replace(/^::ffff:/, '') : undefined;
  return address === '255.255.255.255' || address === '0.0.0.0' ? undefined : address;
}

/**
 * Which machine has which IP address, as far as events tell. With proxy-DHCP another server gives the addresses: they
 * show when a machine asks that server for its lease, which it does by broadcast, asks on port 4011, or for its script.
 */
export class MachineAddresses {
  private readonly machines = new Map<string, Mac>();
  private readonly waiting = new Map<string, EarlierEvent[]>();

  /**
   * The machine of an event, and the events of its address that came before it was known.
   * @param at milliseconds since 1970
   */
  machineOf(
    event: BootEvent,
    at: number,
  ): { readonly mac: Mac | undefined; readonly earlier: readonly EarlierEvent[] } {
    const address = addressOf(event);
    const told = typeof event.mac === 'string' ? parseMac(event.mac) : undefined;
    if (told === undefined) {
      const mac = address === undefined ? undefined : this.machines.get(address);
      if (mac === undefined && address !== undefined) this.keep(address, { event, at });
      return { mac, earlier: [] };
    }
    if (address === undefined) return { mac: told, earlier: [] };
    this.machines.delete(address);
    this.machines.set(address, told);
    dropOldest(this.machines, KNOWN);
    const earlier = this.waiting.get(address) ?? [];
    this.waiting.delete(address);
    return { mac: told, earlier: earlier.filter((each) => at - each.at < PATIENCE) };
  }

  /** The machine of an IP address. */
  at(address: string): Mac | undefined {
    return this.machines.get(address.replace(/^::ffff:/, ''));
  }

  private keep(address: string, earlier: EarlierEvent): void {
    const list = this.waiting.get(address) ?? [];
    if (list.length < WAITING) list.push(earlier);
    this.waiting.set(address, list);
    dropOldest(this.waiting, UNKNOWN);
  }
}
