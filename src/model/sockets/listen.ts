import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { bindFailure, type ListenPort } from './bind-failure.ts';

export type { Socket } from 'node:dgram';

/** Options of {@link bindUdp}. */
interface UdpOptions extends Omit<ListenPort, 'protocol'> {
  /** Shares the port with sockets that do the same: SO_REUSEADDR. */
  readonly reuseAddr?: boolean;
  /** Bytes in which a burst waits while the event loop is busy. The system may allow less. */
  readonly receiveBuffer?: number | undefined;
}

/**
 * Binds a UDP socket. A later error, as of sending, counts as a lost packet unless the caller listens to it.
 * @throws {@link bindFailure}
 */
export function bindUdp({ reuseAddr = false, receiveBuffer, ...listen }: UdpOptions): Promise<Socket> {
  const { address, port } = listen;
  // Addresses are always numbers here; dgram would ask the resolver for each packet.
  const socket = createSocket({ type: 'udp4', reuseAddr, lookup: (host, _options, done) => done(null, host, 4) });
  return new Promise((resolve, reject) => {
    socket.once('error', (cause) => {
      socket.close();
      reject(bindFailure(cause, { ...listen, protocol: 'UDP' }));
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      socket.on('error', () => {});
      try {
        if (receiveBuffer !== undefined) socket.setRecvBufferSize(receiveBuffer);
      } catch {
        // The system's own size serves, with less room for bursts.
      }
      resolve(socket);
    });
  });
}

/** Closes a UDP socket. */
export function closeUdp(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

/**
 * The address of this machine from which the kernel sends to another IPv4 address, by its routes; sends nothing.
 * Undefined where there is no route.
 */
export function localAddressTowards(address: string): Promise<string | undefined> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    const done = (local: string | undefined) => {
      socket.close();
      resolve(local);
    };
    socket.once('error', () => done(undefined));
    socket.once('connect', () => done(socket.address().address));
    // Any port: nothing is sent.
    socket.connect(9, address);
  });
}

/**
 * Has a TCP server listen.
 * @returns the port
 * @throws {@link bindFailure}
 */
export async function listenTcp(server: Server, listen: Omit<ListenPort, 'protocol'>): Promise<number> {
  try {
    const listening = once(server, 'listening');
    server.listen(listen.port, listen.address);
    await listening;
  } catch (cause) {
    throw bindFailure(cause, { ...listen, protocol: 'TCP' });
  }
  return (server.address() as AddressInfo).port;
}
