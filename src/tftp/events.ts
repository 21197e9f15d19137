import type { BootEvent } from '../model/event.ts';
import type { Negotiated } from './options.ts';
import type { Figures, Outcome } from './transfer/session.ts';

/** The client and the file of an event. */
export interface Subject {
  /** `ADDRESS:PORT` of the client. */
  readonly client: string;
  /** The file's name as the client wrote it, or as it was understood. */
  readonly file: string;
}

/** The longest name that an event carries. */
const MAX_NAME = 256;

/** A {@link Subject} with the name cut: it comes from the network and may be as long as a packet. */
export function subject(client: string, file: string): Subject {
  return { client, file: file.slice(0, MAX_NAME) };
}

/** A read request arrived and is being answered. */
export function requestEvent({ client, file }: Subject): BootEvent {
  return { event: 'tftp.request', level: 'debug', message: `${client} asks for ${file}`, client, file };
}

/**
 * A request that is answered with an ERROR: for a file that is `missing` (clients probe for many names), or `refused`
 * whatever files there are.
 */
export function declinedEvent(kind: 'missing' | 'refused', { client, file }: Subject, reason: string): BootEvent {
  const message = `${client} asked for ${file}: ${reason}`;
  return { event: `tftp.${kind}`, level: 'info', message, client, file, reason };
}

/** An address that exceeds its budget of requests; the rest of them are dropped. */
export function limitedEvent(address: string): BootEvent {
  const message = `${address} asks too often and never answers: most of its requests are dropped`;
  return { event: 'tftp.limited', level: 'warn', message, from: address };
}

/** A file that the server cannot read. */
export function unreadableEvent({ client, file }: Subject, error: unknown): BootEvent {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `${client} did not get ${file}: ${reason}`;
  return { event: 'tftp.failed', level: 'warn', message, client, file, reason };
}

/** A transfer has ended. */
export function endEvent(about: Subject, outcome: Outcome, figures: Figures, negotiated: Negotiated): BootEvent {
  const { client, file } = about;
  const { bytes, seconds, retransmits } = figures;
  const { blksize, windowsize } = negotiated;
  const details = { ...about, ...figures, blksize, windowsize };
  switch (outcome.kind) {
    case 'done': {
      const message = `${client} has ${file}: ${bytes} bytes in ${seconds} s, ${retransmits} blocks sent again`;
      return { event: 'tftp.done', level: 'info', message, ...details, confirmed: outcome.confirmed };
    }
    case 'probe':
      return { event: 'tftp.probe', level: 'debug', message: `${client} asked for the size of ${file}`, ...details };
    case 'failed': {
      const { reason, detail } = outcome;
      const message = `${client} did not get ${file}: ${reason}${detail === '' ? '' : ` (${detail})`}`;
      return { event: 'tftp.failed', level: 'warn', message, ...details, reason, detail };
    }
  }
}
