import { type Config, findNode } from '../model/config.ts';
import type { RecordEvent } from '../model/event.ts';
import { parseMac } from '../model/mac.ts';

/** Machines that are remembered: whoever is on the network may make addresses up. */
const MOST = 1000;

/**
 * Lists the machines that no node names, each once, when an event first tells of one: what an administrator wants to
 * see whose new machine does not boot. The events themselves are for `--verbose` alone, where nothing was answered.
 */
export function listUnknown(record: RecordEvent, config: () => Config): RecordEvent {
  const listed = new Set<string>();
  return (event) => {
    record(event);
    const mac = typeof event.mac === 'string' ? parseMac(event.mac) : undefined;
    if (mac === undefined || listed.size > MOST || listed.has(mac) || config().byMac.has(mac)) return;
    listed.add(mac);
    const { action } = findNode(config(), mac).settings;
    const message =
      listed.size > MOST
        ? `more than ${MOST} unknown machines have asked; no more of them are listed`
        : `${mac} asked, and no node has this address: unknown machines get "action: ${action.value}"`;
    record({ event: 'machine.unknown', level: 'info', message, ...(listed.size > MOST ? {} : { mac }) });
  };
}
