import type { RecordEvent } from '../../model/event.ts';
import type { KnownFacts } from '../../model/machine/known-facts.ts';
import { parseMac } from '../../model/machine/mac.ts';
import type { Config } from '../../model/settings/config.ts';
import { findMatch } from '../../model/settings/recognise.ts';

/** Remembered machines, bounded because anyone on the network can invent addresses. */
const MOST = 1000;

/**
 * Logs each machine that no node names once, at its first event: an administrator looks for it when a new machine does
 * not boot. The events of unanswered requests themselves show with `--verbose` only.
 */
export function listUnknown(record: RecordEvent, config: () => Config, facts: KnownFacts): RecordEvent {
  const listed = new Set<string>();
  return (event) => {
    record(event);
    const mac = typeof event.mac === 'string' ? parseMac(event.mac) : undefined;
    if (mac === undefined || listed.size > MOST || listed.has(mac) || config().byMac.has(mac)) return;
    const { node, rule, settings } = findMatch(config(), facts.of(mac));
    if (node || rule) return;
    listed.add(mac);
    const { action } = settings;
    const message =
      listed.size > MOST
        ? `more than ${MOST} unknown machines have asked; no more of them are listed`
        : `${mac} asked, and no node has this address: unknown machines get "action: ${action.value}"`;
    record({ event: 'machine.unknown', level: 'info', message, ...(listed.size > MOST ? {} : { mac }) });
  };
}
