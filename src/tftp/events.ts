import type { BootEvent } from '../model/event.ts';
import type { Negotiated } from './options.ts';
import type { Outcome } from './transfer/session.ts';

/** Whom an event is about. */
export interface Subject {
  /** `ADDRESS:PORT` of the client. */
  readonly client: string;
  /** The file's name as the client wrote it, or as it was understood. */
  readonly file: string;
}

/** The longest name that an event carries. */
const MAX_NAME = 256;

/** A subject fit for events: the name comes from the network and may be as long as a packet. */
export function subject(client: string, file: string): Subject {
  return { client, file: file.slice(0, MAX_NAME) };
}

/** A read request arrived and is being answered. */
export function requestEvent({ client, file }: Subject): BootEvent {
  return { event: 'tftp.request', level: 'debug', message: `${client} asks for ${file}`, client, file };
}

/** A file that is not there. Clients probe for many names. */
export function missingEvent({ client, file }: Subject, reason: string): BootEvent {
  return {
    event: 'tftp.missing',
    level: 'info',
    message: `${client} asked for ${file}: ${reason}`,
    client,
    file,
    reason,
  };
}

/** An address asks for more than it may; what it asks for beyond that is dropped. */
export function limitedEvent(address: string): BootEvent {
  const message = `${address} asks too often and never answers: most of its requests are dropped`;
  return { event: 'tftp.limited', level: 'warn', message, from: address };
}

/** A request that is answered with an ERROR whatever files there are. */
export function refusedEvent({ client, file }: Subject, reason: string): BootEvent {
  return {
    event: 'tftp.refused',
    level: 'info',
    message: `${client} asked for ${file}: ${reason}`,
    client,
    file,
    reason,
  };
}

/** A file that the operating system does not let the server read. */
export function unreadableEvent({ client, file }: Subject, error: unknown): BootEvent {
  const reason = error instanceof Error ? error.message : String(error);
  return {
    event: 'tftp.failed',
    level: 'warn',
    message: `${client} did not get ${file}: ${reason}`,
    client,
    file,
    reason,
  };
}

/** What a transfer took. */
export interface Figures {
  /** The file's size; undefined where its end was never reached. */
  readonly bytes: number | undefined;
  readonly seconds: number;
  /** Blocks sent more than once. */
  readonly retransmits: number;
}

/** A transfer has ended. */
export function endEvent(about: Subject, outcome: Outcome, figures: Figures, negotiated: Negotiated): BootEvent {
  const { client, file } = about;
  const { bytes, seconds, retransmits } = figures;
  const { blksize, windowsize } = negotiated;
  const details = { ...about, bytes, seconds, retransmits, blksize, windowsize };
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
