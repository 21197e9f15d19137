import { createSocket, type Socket } from 'node:dgram';
import {
  type Arrivals,
  type CutDatagrams,
  descriptorOf,
  type ReceiveNow,
  type SendNow,
  type WatchArrivals,
} from '../model/descriptor.ts';
import { createBusyWait } from './busy-wait.ts';
import type { DownloadDeps, Peer, Port, Receive } from './download.ts';

/** What the system can do with datagrams beyond Node's own way; each may be missing. */
export interface DatagramMeans {
  readonly sendNow?: SendNow;
  /** A way to send many at once with it. */
  readonly cutDatagrams?: CutDatagrams;
  readonly receiveNow?: ReceiveNow;
  /** A way to tell when to receive with it. */
  readonly watchArrivals?: WatchArrivals;
}

/** The ports that transfers have of their own. */
export interface Ports {
  readonly bind: DownloadDeps['bindPort'];
  /** To be called when all of them are closed. */
  close(): void;
}

/** More than any answer of a client's: an ACK, or an ERROR with its text. */
const LONGEST_ANSWER = 2048;

/** Binds a UDP socket. Errors of later sends count as lost packets. */
export function bindSocket(address: string, port: number): Promise<Socket> {
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
export function listen(socket: Socket, receive: Receive): void {
  socket.on('message', (datagram, from) => {
    if (from.port !== 0) receive(datagram, from);
  });
}

/** Receives from all ports at once, without the event loop. */
interface Sweep {
  add(descriptor: number, receive: Receive): void;
  remove(descriptor: number): void;
  /** Hands on one datagram of each port that has any, of some of them at least; false if there was none. */
  take(): boolean;
}

function createSweep(arrivals: Arrivals, receiveNow: ReceiveNow): Sweep {
  const receivers = new Map<number, Receive>();
  const bytes = new Uint8Array(LONGEST_ANSWER);
  return {
    add(descriptor, receive) {
      receivers.set(descriptor, receive);
      arrivals.watch(descriptor);
    },
    remove: (descriptor) => receivers.delete(descriptor),
    take() {
      let taken = false;
      for (const descriptor of arrivals.now()) {
        // What was handed on may have ended another transfer.
        const receive = receivers.get(descriptor);
        const arrived = receive && receiveNow(descriptor, bytes);
        if (!arrived) continue;
        taken = true;
        if (arrived.port !== 0) receive(bytes.subarray(0, arrived.length), arrived);
      }
      return taken;
    },
  };
}

/** How one port sends. */
function sending(socket: Socket, descriptor: () => number | undefined, means: DatagramMeans): Port['send'] {
  const { sendNow, cutDatagrams } = means;
  const sendOne = (datagram: Uint8Array, peer: Peer): void => {
    const open = descriptor();
    if (open !== undefined && sendNow?.(open, datagram, peer.address, peer.port)) return;
    socket.send(datagram, peer.port, peer.address);
  };
  /** The size that the kernel cuts by; undefined where it cannot, as where the device sums no checksums. */
  let cutBy: number | undefined = 0;
  const sendMany = (datagrams: Uint8Array, peer: Peer, size: number): boolean => {
    const open = descriptor();
    if (open === undefined || cutBy === undefined) return false;
    if (cutBy !== size) cutBy = cutDatagrams?.(open, size) ? size : undefined;
    if (cutBy !== undefined && sendNow?.(open, datagrams, peer.address, peer.port)) return true;
    // A size that the kernel does not like would stop single datagrams too.
    cutDatagrams?.(open, 0);
    cutBy = undefined;
    return false;
  };
  return (datagrams, peer, size = datagrams.length) => {
    if (datagrams.length <= size) sendOne(datagrams, peer);
    else if (!sendMany(datagrams, peer, size)) {
      for (let at = 0; at < datagrams.length; at += size) sendOne(datagrams.subarray(at, at + size), peer);
    }
  };
}

/**
 * Opens ports for transfers. Where the system has a way, what arrives is waited for awake, at all of them, as long as that
 * is worthwhile; else each datagram is the event loop's.
 * @param address to send from
 */
export function openPorts(
  address: string,
  means: DatagramMeans & { readonly now: () => number; readonly worthwhile: () => boolean },
): Ports {
  const arrivals = means.receiveNow && means.watchArrivals?.();
  const sweep = means.receiveNow && arrivals && createSweep(arrivals, means.receiveNow);
  const wait = createBusyWait(means.now);
  return {
    async bind(receive, unsent) {
      const socket = await bindSocket(address, 0);
      socket.on('error', unsent);
      let descriptor = descriptorOf(socket);
      listen(socket, (datagram, from) => {
        receive(datagram, from);
        if (sweep) wait(sweep.take, means.worthwhile);
      });
      if (descriptor !== undefined) sweep?.add(descriptor, receive);
      return {
        send: sending(socket, () => descriptor, means),
        close() {
          if (descriptor !== undefined) sweep?.remove(descriptor);
          descriptor = undefined;
          socket.close();
        },
      };
    },
    close: () => arrivals?.close(),
  };
}
