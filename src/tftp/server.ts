import type { RecordEvent } from '../model/event.ts';
import { rateLimitedLog } from '../model/limits/rate-limited-log.ts';
import { bindUdp, closeUdp, type Socket } from '../model/sockets/listen.ts';
import type { Service } from '../model/sockets/service.ts';
import { udpFd } from '../model/sockets/socket-fd.ts';
import { createSend, type DatagramCalls } from './datagram-sender.ts';
import { DEFAULT_LIMITS, type TftpLimits } from './limits.ts';
import { encodePacket } from './packet.ts';
import { receiveRequests } from './requests.ts';
import type { DownloadOptions, Opened, Peer, Receive } from './transfer/download.ts';

export type { TftpLimits } from './limits.ts';
export type { Opened, Peer } from './transfer/download.ts';

/** Options of {@link startTftp}. */
export interface TftpOptions {
  /** The IPv4 address to listen on and to send from. */
  readonly address: string;
  /** 69 as a rule; 0 takes a free one. */
  readonly port: number;
  /**
   * Opens a file by the name that a client asks for. `name` is relative, slash-separated and without `..`. `refused` is answered with
   * "access violation", `missing` and `directory` with "file not found", a rejection with ERROR 0.
   */
  readonly open: (name: string, peer: Peer) => Promise<Opened>;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly limits?: Partial<TftpLimits>;
  /** Undefined where the system has none: sending then takes longer. */
  readonly syscalls?: DatagramCalls | undefined;
}

/** Bytes in which a burst of requests waits while the event loop is busy. */
const RECEIVE_BUFFER = 1 << 20;

/** Passes datagrams on. Those from port 0 cannot be answered. */
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
}: TftpOptions): Promise<Service> {
  const limits: TftpLimits = { ...DEFAULT_LIMITS, ...rest.limits };
  const remedy = 'set server.tftp.port to another port, or server.tftp to false';
  const usualOwners = 'dnsmasq (enable-tftp), tftpd-hpa or atftpd';
  const bind = (port: number, receiveBuffer?: number) =>
    bindUdp({ service: 'TFTP', address, port, remedy, usualOwners, receiveBuffer });
  const listener = await bind(port, RECEIVE_BUFFER);
  /** Refusals leave from a port other than the listener's, as every answer to a request does (RFC 1350 section 4). */
  const refusals = await bind(0).catch((error) => {
    listener.close();
    throw error;
  });

  const bindPort: DownloadOptions['bindPort'] = async (receive, unsent) => {
    const socket = await bind(0);
    socket.on('error', unsent);
    listen(socket, receive);
    let fd = udpFd(socket);
    return {
      send: createSend(
        calls,
        () => fd,
        (datagram, peer) => socket.send(datagram, peer.port, peer.address),
      ),
      close() {
        fd = undefined;
        socket.close();
      },
    };
  };
  const refuse = (peer: Peer, code: number, message: string): void => {
    refusals.send(encodePacket({ kind: 'error', code, message }), peer.port, peer.address);
  };
  const requests = receiveRequests({ open, bindPort, refuse, record: rateLimitedLog(record, now), now, limits });
  listen(listener, requests.receive);

  const stop = async (graceMs: number): Promise<void> => {
    await closeUdp(listener);
    await requests.drain(graceMs);
    await closeUdp(refusals);
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
