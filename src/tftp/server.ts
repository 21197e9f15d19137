import { boundedRecord } from '../model/bounded-record.ts';
import type { RecordEvent } from '../model/event.ts';
import { bindFailure } from './bind-failure.ts';
import type { Opened, Peer } from './download.ts';
import { DEFAULT_LIMITS, type TftpLimits } from './limits.ts';
import { encodePacket } from './packet.ts';
import { bindSocket, type DatagramMeans, listen, openPorts } from './ports.ts';
import { receiveRequests } from './requests.ts';

export type { Opened, Peer } from './download.ts';
export type { TftpFile } from './file.ts';
export type { TftpLimits } from './limits.ts';

/** What the TFTP server needs from outside. */
export interface TftpDeps {
  /** The IPv4 address to listen on and to send from. */
  readonly address: string;
  /** 69 as a rule; 0 takes a free one. */
  readonly port: number;
  /**
   * Opens what a client asks for. `name` is relative, slash-separated and without `..`. `refused` is answered with
   * "access violation", `missing` and `directory` with "file not found", a rejection with ERROR 0.
   */
  readonly open: (name: string, peer: Peer) => Promise<Opened>;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly limits?: Partial<TftpLimits>;
  /** Quicker ways to send and to receive, where there are any. */
  readonly kernel?: DatagramMeans | undefined;
}

/** A TFTP server at work. */
export interface TftpServer {
  /** `ADDRESS:PORT` of each listening socket. */
  readonly listening: readonly string[];
  /**
   * Takes no further requests and resolves when all sockets are closed. Only the first call counts.
   * @param graceMs how long transfers under way may go on; what remains then gets an ERROR
   */
  stop(graceMs?: number): Promise<void>;
}

/** Where a burst of requests waits while the event loop is busy. */
const RECEIVE_BUFFER = 1 << 20;

/**
 * Starts a read-only TFTP server (RFC 1350, 2347, 2348, 2349, 7440): each transfer has a port of its own, lost packets
 * are sent again after a few measured round trips, requests are told apart by the client's address and port.
 * @throws Error with `code` and `cause` if the port cannot be bound; its message names the remedy
 */
export async function startTftp({ address, port, open, record, now, ...rest }: TftpDeps): Promise<TftpServer> {
  const limits: TftpLimits = { ...DEFAULT_LIMITS, ...rest.limits };
  const listener = await bindSocket(address, port).catch((cause) => {
    throw bindFailure(cause, address, port);
  });
  /** Refusals leave from a port other than the listener's, as every answer to a request does (RFC 1350 section 4). */
  const refusals = await bindSocket(address, 0).catch((cause) => {
    listener.close();
    throw bindFailure(cause, address, 0);
  });

  const ports = openPorts(address, { ...rest.kernel, now, worthwhile: () => requests.busy() });
  const refuse = (peer: Peer, code: number, message: string): void => {
    refusals.send(encodePacket({ kind: 'error', code, message }), peer.port, peer.address);
  };
  const requests = receiveRequests({
    open,
    bindPort: ports.bind,
    refuse,
    record: boundedRecord(record, now),
    now,
    limits,
  });
  listen(listener, requests.receive);
  try {
    listener.setRecvBufferSize(RECEIVE_BUFFER);
  } catch {
    // The system's own size serves, with less room for bursts.
  }

  const stop = async (graceMs: number): Promise<void> => {
    await new Promise<void>((resolve) => listener.close(() => resolve()));
    await requests.drain(graceMs);
    ports.close();
    await new Promise<void>((resolve) => refusals.close(() => resolve()));
  };
  let stopped: Promise<void> | undefined;
  return {
    listening: [`${address}:${listener.address().port}`],
    stop(graceMs = 0) {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
}
