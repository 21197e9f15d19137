import { createSocket, type Socket } from 'node:dgram';
import type { RecordEvent } from '../model/event.ts';
import { rateLimitedLog } from '../model/limits/rate-limited-log.ts';
import { bindFailure } from './bind-failure.ts';
import { createSend, type DatagramCalls } from './datagram-sender.ts';
import { DEFAULT_LIMITS, type TftpLimits } from './limits.ts';
import { encodePacket } from './packet.ts';
import { receiveRequests } from './requests.ts';
import type { DownloadOptions, Opened, Peer, Receive } from './transfer/download.ts';

export type { TftpLimits } from './limits.ts';
export type { Opened, Peer } from './transfer/download.ts';

/** What the TFTP server needs from outside. */
export interface TftpOptions {
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
  /** Quicker ways to send, where there are any. */
  readonly syscalls?: DatagramCalls | undefined;
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

/** Binds a UDP socket. Errors of later sends count as lost packets. */
function bind(address: string, port: number): Promise<Socket> {
  // Addresses are always numbers here; dgram would ask the resolver for each packet.
  const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

/** Hands on what arrives. Nobody can be answered at port 0. */
function listen(socket: Socket, receive: Receive): void {
  socket.on('message', (datagram, from) => {
    if (from.port !== 0) receive(datagram, from);
  });
}

/**
 * Starts a read-only TFTP server (RFC 1350, 2347, 2348, 2349, 7440): each transfer has a port of its own, lost packets
 * are sent again after a few measured round trips, requests are told apart by the client's address and port.
 * @throws Error with `code` and `cause` if the port cannot be bound; its message names the remedy
 */
export async function startTftp({
  address,
  port,
  open,
  record,
  now,
  syscalls: calls = {},
  ...rest
}: TftpOptions): Promise<TftpServer> {
  const limits: TftpLimits = { ...DEFAULT_LIMITS, ...rest.limits };
  const listener = await bind(address, port).catch((cause) => {
    throw bindFailure(cause, address, port);
  });
  /** Refusals leave from a port other than the listener's, as every answer to a request does (RFC 1350 section 4). */
  const refusals = await bind(address, 0).catch((cause) => {
    listener.close();
    throw bindFailure(cause, address, 0);
  });

  const bindPort: DownloadOptions['bindPort'] = async (receive, unsent) => {
    const socket = await bind(address, 0);
    socket.on('error', unsent);
    listen(socket, receive);
    let descriptor = calls.descriptorOf?.(socket);
    return {
      send: createSend(
        calls,
        () => descriptor,
        (datagram, peer) => socket.send(datagram, peer.port, peer.address),
      ),
      close() {
        descriptor = undefined;
        socket.close();
      },
    };
  };
  const refuse = (peer: Peer, code: number, message: string): void => {
    refusals.send(encodePacket({ kind: 'error', code, message }), peer.port, peer.address);
  };
  const requests = receiveRequests({ open, bindPort, refuse, record: rateLimitedLog(record, now), now, limits });
  listen(listener, requests.receive);
  try {
    listener.setRecvBufferSize(RECEIVE_BUFFER);
  } catch {
    // The system's own size serves, with less room for bursts.
  }

  const stop = async (graceMs: number): Promise<void> => {
    await new Promise<void>((resolve) => listener.close(() => resolve()));
    await requests.drain(graceMs);
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
