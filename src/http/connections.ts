import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { RecordEvent } from '../model/event.ts';
import type { Syscalls } from '../model/sockets/syscalls.ts';
import { plainFd } from '../model/sockets/syscalls.ts';

/** Requests that one connection may have open: more than any client pipelines. */
const PIPELINE = 64;
/** Bytes a second that a client must take while it is answered. */
const LEAST = 1000;
/** Milliseconds between two messages of refused connections. */
const TELL_EVERY = 60_000;

/** Settings and means of {@link trackConnections}. */
export interface ConnectionOptions {
  /** Connections that one address may have. */
  readonly perAddress: number;
  /** For how long a client may take less than {@link LEAST}, milliseconds. */
  readonly slowMs: number;
  /** Undefined where the system does not tell what arrived: then what it took counts. */
  readonly syscalls: Pick<Syscalls, 'acknowledged'> | undefined;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

interface Connection {
  /** Requests that are being answered. */
  requests: number;
  /** Since when its pace is looked at, and what had arrived then; undefined while nothing is asked. */
  pace: { readonly at: number; readonly arrived: number } | undefined;
  /** What had arrived when it was last looked at. */
  last: number;
}

/** Knows which connections have a request being answered, and ends those that take too much of what all share. */
export function trackConnections(server: Server, options: ConnectionOptions): { drain(): void } {
  const { slowMs, syscalls, record, now } = options;
  const open = new Map<Socket, Connection>();
  const admit = limitAddresses(options);
  let draining = false;

  server.on('connection', (socket) => {
    if (!admit(socket)) return socket.destroy();
    open.set(socket, { requests: 0, pace: undefined, last: 0 });
    socket.once('close', () => open.delete(socket));
  });
  // Ahead of the application, so that what it answers at once is counted too.
  server.prependListener('request', ({ socket }, response) => {
    const connection = open.get(socket);
    if (!connection) return;
    connection.requests += 1;
    if (connection.requests > PIPELINE) socket.destroy();
    if (draining) response.shouldKeepAlive = false;
    response.once('close', () => {
      connection.requests -= 1;
      if (connection.requests > 0) return;
      connection.pace = undefined;
      if (draining && open.has(socket)) socket.destroySoon();
    });
  });

  const arrived = (socket: Socket): number => {
    const descriptor = syscalls && plainFd(socket);
    return syscalls && descriptor !== undefined
      ? syscalls.acknowledged(descriptor)
      : socket.bytesWritten - socket.writableLength;
  };
  const sweep = () => {
    const at = now();
    for (const [socket, connection] of open) {
      if (connection.requests === 0) continue;
      const { pace } = connection;
      const present = { at, arrived: arrived(socket) };
      // What the kernel still has to send moves without the socket's own timer seeing it.
      if (present.arrived !== connection.last) socket.setTimeout(socket.timeout ?? 0);
      connection.last = present.arrived;
      if (pace && at - pace.at < slowMs) continue;
      if (pace && present.arrived - pace.arrived < (LEAST * (at - pace.at)) / 1000) {
        const client = socket.remoteAddress;
        const message = `${client} took less than ${LEAST / 1000} kB/s for ${slowMs / 60_000} minutes: its connection is ended`;
        record({ event: 'http.slow', level: 'info', message, client });
        // Else the kernel would go on with what it still has.
        socket.resetAndDestroy();
      } else connection.pace = present;
    }
  };
  const sweeping = setInterval(sweep, slowMs / 10);
  sweeping.unref();
  server.once('close', () => clearInterval(sweeping));

  return {
    drain: () => {
      draining = true;
      for (const [socket, { requests }] of open) if (requests === 0) socket.destroy();
    },
  };
}

/** Counts the connections of each address; false for one too many, which is told once a minute. */
function limitAddresses({ perAddress, record, now }: ConnectionOptions): (socket: Socket) => boolean {
  const addresses = new Map<string, { open: number; told: number; refused: number }>();
  return (socket) => {
    // Read now, it is known for events after the connection's end too.
    const client = socket.remoteAddress;
    if (client === undefined) return false;
    const its = addresses.get(client) ?? { open: 0, told: Number.NEGATIVE_INFINITY, refused: 0 };
    if (its.open >= perAddress) {
      its.refused += 1;
      if (now() - its.told < TELL_EVERY) return false;
      const message = `${client} has ${perAddress} connections, as many as one address may have (server.http.connections_per_address): more are refused`;
      record({ event: 'http.crowded', level: 'warn', message, client, refused: its.refused });
      Object.assign(its, { told: now(), refused: 0 });
      return false;
    }
    its.open += 1;
    addresses.set(client, its);
    socket.once('close', () => {
      its.open -= 1;
      if (its.open === 0) addresses.delete(client);
    });
    return true;
  };
}
