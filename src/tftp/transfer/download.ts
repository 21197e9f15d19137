import type { RecordEvent } from '../../model/event.ts';
import type { RandomAccessFile } from '../../model/files/random-access.ts';
import { endEvent, missingEvent, type Subject, unreadableEvent } from '../events.ts';
import type { TftpLimits } from '../limits.ts';
import { negotiate } from '../options.ts';
import { decodePacket, ERROR, encodePacket, type Request } from '../packet.ts';
import type { SentFile } from './file.ts';
import { asNetascii } from './netascii.ts';
import { type AbortReason, type Session, startSession } from './session.ts';

/** Where a client sends from. */
export interface Peer {
  /** IPv4 address, dotted. */
  readonly address: string;
  /** UDP port. */
  readonly port: number;
}

/** What the way to a file can lead to. */
export type Opened = RandomAccessFile | 'missing' | 'directory' | 'refused';

/** Takes a datagram. */
export type Receive = (datagram: Uint8Array, from: Peer) => void;

/** A bound UDP port. Sending never throws. */
export interface Port {
  /** One datagram, or several of a size, one behind the other, of which the last may be shorter; copies what must wait. */
  send(datagrams: Uint8Array, peer: Peer, size?: number): void;
  close(): void;
}

/** What a download needs. */
export interface DownloadOptions {
  readonly open: (name: string, peer: Peer) => Promise<Opened>;
  /** Binds a free port. `unsent` is called when the system has refused to send a datagram. */
  readonly bindPort: (receive: Receive, unsent: () => void) => Promise<Port>;
  /** Answers the request with an ERROR from a port that belongs to no transfer. */
  readonly refuse: (peer: Peer, code: number, message: string) => void;
  readonly record: RecordEvent;
  readonly now: () => number;
  readonly limits: TftpLimits;
  /** Whether an address that has no part in the transfer may be sent an ERROR. */
  readonly mayRefuse: (address: string) => boolean;
  /** The client has answered from where it asked: its address is not forged. */
  readonly proven: () => void;
  /** The transfer has ended; its port stays open a little longer. */
  readonly over: () => void;
  /** The port is closed too. */
  readonly closed: () => void;
}

/** One client's read request from its arrival until its port is closed. */
export interface Download {
  readonly address: string;
  readonly state: 'over' | 'unanswered' | 'answered';
  /** The client repeats its request. True if that needs nothing more: the file is being opened, or was announced again. */
  repeat(): boolean;
  /** Ends it now, whatever its state. */
  end(reason: AbortReason): void;
}

/** Opens the file and a port, and carries the transfer out. Never throws. */
export function startDownload(
  request: Request,
  name: string,
  peer: Peer,
  about: Subject,
  deps: DownloadOptions,
): Download {
  const { open, bindPort, refuse, record, now, limits } = deps;
  const opening: { file?: RandomAccessFile; port?: Port } = {};
  let session: Session | undefined;
  let state: 'opening' | 'running' | 'over' | 'closed' = 'opening';
  let dally: NodeJS.Timeout | undefined;
  let proven = false;

  const closeFile = (): void => {
    opening.file?.close().catch((error) => record(unreadableEvent(about, error)));
    delete opening.file;
  };
  const close = (): void => {
    clearTimeout(dally);
    closeFile();
    opening.port?.close();
    delete opening.port;
    if (state === 'closed') return;
    state = 'closed';
    deps.closed();
  };

  const receive = (datagram: Uint8Array, from: Peer): void => {
    if (from.port === peer.port && from.address === peer.address) {
      if (!proven) deps.proven();
      proven = true;
      session?.receive(datagram);
    } else if (decodePacket(datagram).kind !== 'error' && deps.mayRefuse(from.address)) {
      // RFC 1350 section 4: whoever else sends here is told so, and the transfer goes on.
      const code = ERROR.unknownTransferId;
      opening.port?.send(encodePacket({ kind: 'error', code, message: 'Unknown transfer ID' }), from);
    }
  };

  /** Opens what is asked for; undefined where the client has been answered already. */
  const prepare = async (): Promise<{ file: SentFile; port: Port } | undefined> => {
    const opened = await open(name, peer);
    if (typeof opened === 'string') {
      if (state === 'closed') return undefined;
      if (opened === 'refused') refuse(peer, ERROR.accessViolation, 'Access violation');
      else refuse(peer, ERROR.fileNotFound, opened === 'directory' ? 'Is a directory' : 'File not found');
      record(missingEvent(about, opened));
      return undefined;
    }
    opening.file = opened;
    const netascii = request.mode.toLowerCase() === 'netascii';
    const file = netascii ? asNetascii(opened) : opened;
    const port = await bindPort(receive, () => session?.unsent());
    opening.port = port;
    return { file, port };
  };

  const run = async (): Promise<void> => {
    const prepared = await prepare();
    // It may have been ended while the file was being opened.
    if (!prepared || state === 'closed') {
      close();
      return;
    }
    const { file, port } = prepared;
    const negotiated = negotiate(request.options, file.size, limits);
    const started = now();
    state = 'running';
    session = startSession({
      file,
      negotiated,
      limits,
      now,
      send: (datagrams, size) => port.send(datagrams, peer, size),
      ended: (outcome) => {
        state = 'over';
        closeFile();
        const seconds = Math.round(now() - started) / 1000;
        const figures = { bytes: session?.size(), seconds, retransmits: session?.retransmits() ?? 0 };
        record(endEvent(about, outcome, figures, negotiated));
        // The client may repeat its last ACK: a port closed at once would answer that with an ICMP error.
        dally = setTimeout(close, limits.dally);
        deps.over();
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
      if (state === 'over' || state === 'closed') return 'over';
      return session?.answered() ? 'answered' : 'unanswered';
    },
    repeat: () => state === 'opening' || (state === 'running' && session?.repeat() === true),
    end(reason) {
      session?.abort(reason);
      close();
    },
  };
}
