import type { BootEvent, Level } from '../../model/event.ts';
import { TOO_LONG, type UnixDatagram } from '../../model/sockets/unix-datagram.ts';
import type { WriteNow } from './writer.ts';

/** Where journald takes entries with fields (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). */
export const JOURNAL = '/run/systemd/journal/socket';

/** Priorities of syslog(3). */
export const PRIORITIES: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/** A member of an event as a field's name: `bytesSent` is SLIPWAY_BYTES_SENT. */
function fieldOf(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9_]/g, '_');
  return `SLIPWAY_${words.toUpperCase()}`.slice(0, 64);
}

/**
 * One event as an entry of the journal: a field on each line.
 * @param escapeUnsafe keeps text from the network from forging a field
 */
export function journalFields(
  { event, level, message, ...details }: BootEvent,
  escapeUnsafe: (text: string) => string,
): string {
  const fields: [string, unknown][] = [
    ['MESSAGE', message],
    ['PRIORITY', PRIORITIES[level]],
    ['SYSLOG_IDENTIFIER', 'slipway'],
    [fieldOf('event'), event],
    ...Object.entries(details).map(([name, value]): [string, unknown] => [fieldOf(name), value]),
  ];
  const known = fields.filter(([, value]) => value !== undefined);
  return known.map(([name, value]) => `${name}=${escapeUnsafe(String(value))}\n`).join('');
}

/** An entry ends with its last field's line feed; the log writer puts another one between entries. */
const END = Buffer.from('\n\n');

/**
 * Writes what the log writer has queued to the journal, each entry as a datagram. While the journal is full or starts
 * anew, entries wait; one that is too long for it is left out.
 */
export function journalOutput(socket: UnixDatagram): WriteNow {
  return (bytes) => {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; ; ) {
      const end = all.indexOf(END, at);
      if (end < 0) return at;
      const result = socket.send(all.subarray(at, end + 1));
      if (result < 0 && result !== TOO_LONG) return at;
      at = end + END.length;
    }
  };
}
