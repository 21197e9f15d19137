import type { BootEvent } from '../../model/event.ts';
import { journalFields } from './journal.ts';

/** Log lines for people, one JSON object per line, or entries of systemd's journal. */
export type LogFormat = 'text' | 'json' | 'journal';

/** Characters that could forge a line or hide part of one: controls, line separators, bidirectional overrides. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text from the network as a log or a terminal may show it. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function formatText(time: Date, { event, level, message, ...details }: BootEvent): string {
  const pairs = Object.entries(details)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        ` ${name}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`,
    );
  return escapeUnsafe(`${time.toISOString()} ${level.padEnd(5)} ${event}: ${message}${pairs.join('')}`);
}

/**
 * One event as one line, without a line feed, or as an entry of the journal; text from the network is escaped.
 * @param time when it happened
 */
export function formatEvent(format: LogFormat, time: Date, event: BootEvent): string {
  if (format === 'text') return formatText(time, event);
  if (format === 'journal') return journalFields(event, escapeUnsafe);
  return escapeUnsafe(JSON.stringify({ time: time.toISOString(), ...event }));
}
