import type { RecordEvent } from '../../model/event.ts';
import type { RandomAccessFile } from '../../model/files/random-access.ts';
import type { SourceBudget } from '../../model/limits/source-budget.ts';
import { declinedEvent, endEvent, type Subject, unreadableEvent } from '../events.ts';
import type { TftpLimits } from '../limits.ts';
import { negotiate } from '../options.ts';
import { decodePacket, ERROR, encodePacket, type Request } from '../packet.ts';
import type { SentFile } from './blocks.ts';
import { asNetascii } from './netascii.ts';
import { type AbortReason, type Session, startSession } from './session.ts';

/** A client's address and port. */
export interface Peer {
  /** IPv4 address, dotted. */
  readonly address: string;
  /** UDP port. */
  readonly port: number;
}

/** Result of opening a file. */
export type Opened = RandomAccessFile | 'missing' | 'directory' | 'refused';

/** A function that takes a datagram. */
export type Receive = (datagram: Uint8Array, from: Peer) => void;

/** A bound UDP port. Sending never throws. */
export interface Port {
  /**
   * Sends one datagram, or several of a size, one behind the other, of which the last may be shorter. Copies what
   * waits.
   */
  send(datagrams: Uint8Array, peer: Peer, size?: number): void;
  close(): void;
}

/** Options of {@link startDownload}. */
export interface DownloadOptions {
  readonly open: (name: string, peer: Peer) => Promise<Opened>;
  /** Binds a free port. `unsent` is called when the system has refused to send a datagram. */
  readonly bindPort: (receive: Receive, unsent: () => void) => Promise<Port>;
  /** Answers the request with an ERROR from a port that belongs to no transfer. */
  readonly refuse: (peer: Peer, code: number, message: string) => void;
  readonly record: RecordEvent;
  readonly now: () => number;
  readonly limits: TftpLimits;
  /** The datagrams that each address may have answered. */
  readonly budget: SourceBudget;
  /** Called when the transfer has ended, and when its port is closed a little later: see {@link Download.state}. */
  readonly changed: () => void;
}

/** One client's read request from its arrival until its port is closed. */
export interface Download {
  /** The client's address without its port. */
  readonly address: string;
  /**
   * `unanswered`: the client, if there is one, has acknowledged nothing yet. `over`: it waits for late packets. `closed`:
   * its port is closed.
   */
  readonly state: 'unanswered' | 'answered' | 'over' | 'closed';
  /** The client repeats its request. True if the download answers it: the file is being opened, or announced again. */
  repeat(): boolean;
  /** Ends it now, whatever its state. */
  end(reason: AbortReason): void;
}

/** Opens the file and a port, and runs the transfer. Never throws. */
export function startDownload(
  request: Request,
  name: string,
  peer: Peer,
  about: Subject,
  options: DownloadOptions,
): Download {
  const { open, bindPort, refuse, record, now, limits } = options;
  let opened: RandomAccessFile | undefined;
  let port: Port | undefined;
  let session: Session | undefined;
  let state: 'opening' | 'running' | 'over' | 'closed' = 'opening';
  let dally: NodeJS.Timeout | undefined;
  let proven = false;

  const closeFile = (): void => {
    opened?.close().catch((error) => record(unreadableEvent(about, error)));
    opened = undefined;
  };
  const close = (): void => {
    clearTimeout(dally);
    closeFile();
    port?.close();
    port = undefined;
    if (state === 'closed') return;
    state = 'closed';
    options.changed();
  };

  const receive = (datagram: Uint8Array, from: Peer): void => {
    if (from.port === peer.port && from.address === peer.address) {
      // Its address is not forged.
      if (!proven) options.budget.giveBack(peer.address);
      proven = true;
      session?.receive(datagram);
    } else if (decodePacket(datagram).kind !== 'error' && options.budget.take(from.address, now())) {
      // RFC 1350 section 4: a stranger gets an ERROR, and the transfer goes on.
      const code = ERROR.unknownTransferId;
      port?.send(encodePacket({ kind: 'error', code, message: 'Unknown transfer ID' }), from);
    }
  };

  /** Opens the file and the port; undefined where the client got an ERROR instead. */
  const prepare = async (): Promise<SentFile | undefined> => {
    const found = await open(name, peer);
    if (typeof found === 'string') {
      if (state === 'closed') return undefined;
      if (found === 'refused') refuse(peer, ERROR.accessViolation, 'Access violation');
      else refuse(peer, ERROR.fileNotFound, found === 'directory' ? 'Is a directory' : 'File not found');
      record(declinedEvent('missing', about, found));
      return undefined;
    }
    opened = found;
    port = await bindPort(receive, () => session?.unsent());
    return request.mode.toLowerCase() === 'netascii' ? asNetascii(found) : found;
  };

  const run = async (): Promise<void> => {
    const file = await prepare();
    // It may have been ended while the file was being opened.
    if (!file || state === 'closed') {
      close();
      return;
    }
    const negotiated = negotiate(request.options, file.size, limits);
    state = 'running';
    session = startSession({
      file,
      negotiated,
      limits,
      now,
      send: (datagrams, size) => port?.send(datagrams, peer, size),
      ended: (outcome, figures) => {
        state = 'over';
        closeFile();
        record(endEvent(about, outcome, figures, negotiated));
        // The client may repeat its last ACK: a port closed at once would answer that with an ICMP error.
        dally = setTimeout(close, limits.dally);
        options.changed();
      },
    });
  };
  run().catch((error) => {
    if (state !== 'closed') refuse(peer, ERROR.undefined, 'The file cannot be served now');
    record(unreadableEvent(about, error));
    close();
  });

  return {
    address: peer.address,
    get state() {
      if (state === 'over' || state === 'closed') return state;
      return session?.answered() ? 'answered' : 'unanswered';
    },
    repeat: () => state === 'opening' || (state === 'running' && session?.repeat() === true),
    end(reason) {
      session?.abort(reason);
      close();
    },
  };
}
