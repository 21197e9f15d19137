import { dropOldest } from '../limits/drop-oldest.ts';
import type { Facts, MachineFacts } from './facts.ts';
import type { Mac } from './mac.ts';

/** Machines that are remembered; those heard of longest ago go first. */
const MOST = 20_000;

interface Known {
  readonly byDhcp: Facts;
  /** What iPXE has told; what is absent here is not to be had. */
  readonly told?: Facts;
}

/** What machines have told of themselves, by DHCP and by iPXE. */
export class KnownFacts {
  private readonly known = new Map<Mac, Known>();

  private put(mac: Mac, known: Known): void {
    this.known.delete(mac);
    this.known.set(mac, known);
    dropOldest(this.known, MOST);
  }

  noteDhcp(mac: Mac, facts: Facts): void {
    const before = this.known.get(mac);
    this.put(mac, { ...before, byDhcp: { ...before?.byDhcp, ...facts } });
  }

  noteTold(mac: Mac, told: Facts): void {
    this.put(mac, { byDhcp: this.known.get(mac)?.byDhcp ?? {}, told });
  }

  /** What only DHCP tells. */
  byDhcp(mac: Mac): MachineFacts {
    return { ...this.known.get(mac)?.byDhcp, mac };
  }

  of(mac: Mac): MachineFacts {
    const { byDhcp, told } = this.known.get(mac) ?? {};
    // DHCP tells how UEFI has fetched its boot file; iPXE does not know.
    return { ...told, ...byDhcp, mac };
  }

  hasTold(mac: Mac): boolean {
    return this.known.get(mac)?.told !== undefined;
  }
}
