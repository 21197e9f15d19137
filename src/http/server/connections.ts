import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { RecordEvent } from '../../model/event.ts';
import { plainFd, type Syscalls } from '../../model/sockets/syscalls.ts';

/** Requests that one connection may have open: more than any client pipelines. */
const PIPELINE = 64;
/** Bytes a second that a client must take while it is answered. */
const MIN_PACE = 1000;
/** The time that a new connection gets for its first request when the server stops, milliseconds. */
const FIRST_REQUEST = 1000;
/** Milliseconds between two messages of refused connections. */
const LOG_EVERY = 60_000;

/** Options of {@link trackConnections}. */
export interface ConnectionOptions {
  /** Connections that one address may have. */
  readonly perAddress: number;
  /** The time that a client may take less than {@link MIN_PACE}, milliseconds. */
  readonly slowMs: number;
  /** Undefined where the system does not tell which bytes arrived: then those that it took count. */
  readonly syscalls: Pick<Syscalls, 'acknowledged'> | undefined;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

interface Connection {
  /** False until its first request. */
  used: boolean;
  /** Requests that are being answered. */
  requests: number;
  /** The time since which its pace is measured, and the bytes that had arrived then; undefined without a request. */
  pace: { readonly at: number; readonly arrived: number } | undefined;
  /** The bytes that had arrived at the last check. */
  last: number;
}

/** Tracks the connections with a request that is being answered, and ends those that are too slow or too many. */
export function trackConnections(server: Server, options: ConnectionOptions): { drain(): void } {
  const { slowMs, syscalls, record, now } = options;
  const open = new Map<Socket, Connection>();
  const admit = limitAddresses(options);
  let draining = false;

  server.on('connection', (socket) => {
    if (!admit(socket)) return socket.destroy();
    open.set(socket, { used: false, requests: 0, pace: undefined, last: 0 });
    socket.once('close', () => open.delete(socket));
  });
  // Ahead of the application, so that what it answers at once is counted too.
  server.prependListener('request', ({ socket }, response) => {
    const connection = open.get(socket);
    if (!connection) return;
    connection.used = true;
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
    const fd = plainFd(socket);
    return syscalls && fd !== undefined ? syscalls.acknowledged(fd) : socket.bytesWritten - socket.writableLength;
  };
  const checkPace = () => {
    const at = now();
    for (const [socket, connection] of open) {
      if (connection.requests === 0) continue;
      const { pace } = connection;
      const present = { at, arrived: arrived(socket) };
      // The socket's own timer does not see the bytes that the kernel still has to send.
      if (present.arrived !== connection.last) socket.setTimeout(socket.timeout ?? 0);
      connection.last = present.arrived;
      if (pace && at - pace.at < slowMs) continue;
      if (pace && present.arrived - pace.arrived < (MIN_PACE * (at - pace.at)) / 1000) {
        const client = socket.remoteAddress;
        const [kilobytes, minutes] = [MIN_PACE / 1000, slowMs / 60_000];
        const message = `${client} took less than ${kilobytes} kB/s for ${minutes} minutes: its connection is ended`;
        record({ event: 'http.slow', level: 'info', message, client });
        // Else the kernel would go on sending the rest.
        socket.resetAndDestroy();
      } else connection.pace = present;
    }
  };
  const checking = setInterval(checkPace, slowMs / 10);
  checking.unref();
  server.once('close', () => clearInterval(checking));

  const endIdle = (isIdle: (connection: Connection) => boolean) => {
    for (const [socket, connection] of open) if (connection.requests === 0 && isIdle(connection)) socket.destroy();
  };
  return {
    drain: () => {
      draining = true;
      endIdle(({ used }) => used);
      // The first request of a connection that was just accepted is on its way.
      setTimeout(endIdle, FIRST_REQUEST, () => true).unref();
    },
  };
}

/** Counts the connections of each address; false for one too many, which is logged at most once a minute. */
function limitAddresses({ perAddress, record, now }: ConnectionOptions): (socket: Socket) => boolean {
  const addresses = new Map<string, { open: number; logged: number; refused: number }>();
  return (socket) => {
    // Read once, as events after the connection's end need it too.
    const client = socket.remoteAddress;
    if (client === undefined) return false;
    const its = addresses.get(client) ?? { open: 0, logged: Number.NEGATIVE_INFINITY, refused: 0 };
    if (its.open >= perAddress) {
      its.refused += 1;
      if (now() - its.logged < LOG_EVERY) return false;
      const message =
        `${client} has ${perAddress} connections, as many as one address may have ` +
        '(server.http.connections_per_address): more are refused';
      record({ event: 'http.crowded', level: 'warn', message, client, refused: its.refused });
      Object.assign(its, { logged: now(), refused: 0 });
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
