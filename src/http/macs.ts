import type { RecordEvent } from '../model/event.ts';
import { dropOldest } from '../model/limits/drop-oldest.ts';

/** Addresses that are remembered. */
const MAX = 20_000;
/** Two machines of one address within this time mean that it is a router's, milliseconds. */
const SHARED = 10 * 60_000;

/**
 * Adds to the events of downloads the MAC address of the machine that asked for its script from the same address. Where
 * several did, as behind a router, none is known.
 * @param now milliseconds of a clock that never goes back
 */
export function withMacs(record: RecordEvent, now: () => number): RecordEvent {
  const machines = new Map<string, { readonly mac: string | undefined; readonly at: number }>();
  return (event) => {
    const { client, mac } = event;
    if (typeof client !== 'string') return record(event);
    if (event.event === 'http.script' && typeof mac === 'string') {
      const before = machines.get(client);
      const shared = before !== undefined && before.mac !== mac && now() - before.at < SHARED;
      machines.delete(client);
      machines.set(client, { mac: shared ? undefined : mac, at: now() });
      dropOldest(machines, MAX);
    }
    const is = event.event === 'http.download' || event.event === 'http.refused';
    record(is ? { ...event, mac: machines.get(client)?.mac } : event);
  };
}
