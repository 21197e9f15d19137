import { readFileSync } from 'node:fs';
import { SourceBudget } from '../../model/limits/source-budget.ts';
import { type Mac, parseMac } from '../../model/machine/mac.ts';

/** The machine that has an IPv4 address on one of the server's own networks; undefined where none is known. */
export type Neighbours = (address: string) => Mac | undefined;

/** The kernel's table (proc_net(5)). It has each machine of these networks that anything is sent to. */
const TABLE = '/proc/net/arp';
/** Bit of an entry's flags: its hardware address is known (ATF_COM of linux/if_arp.h). */
const COMPLETE = 2;
/** How often the table is read. It is asked for few events: most machines are known by the lease that they ask for. */
const READS = { burst: 50, perSecond: 10 };

/** The hardware address that a table of the kernel's has for an IPv4 address; undefined where it has none. */
export function findNeighbour(table: string, address: string): Mac | undefined {
  for (const line of table.split('\n')) {
    // IP address, HW type, Flags, HW address, Mask, Device.
    const [ip, , flags, hardware = ''] = line.split(/\s+/);
    if (ip === address && (Number(flags) & COMPLETE) !== 0) return parseMac(hardware);
  }
  return undefined;
}

/** The neighbours of this host. Where the system has no such table, there are none. */
export function openNeighbours(monotonic: () => number): Neighbours {
  const budget = new SourceBudget(READS, () => {});
  return (address) => {
    if (!budget.take('all', monotonic())) return undefined;
    try {
      return findNeighbour(readFileSync(TABLE, 'utf8'), address);
    } catch {
      return undefined;
    }
  };
}
