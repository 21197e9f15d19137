import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { RecordEvent } from '../../model/event.ts';
import { listenTcp } from '../../model/sockets/listen.ts';
import type { Service } from '../../model/sockets/service.ts';
import type { Syscalls } from '../../model/sockets/syscalls.ts';
import { trackConnections } from './connections.ts';
import type { MessageClasses } from './messages.ts';
import { refuseRaw } from './refuse-raw.ts';

/** Options of {@link startHttp}. */
export interface HttpOptions {
  /** TCP port; 0 for any that is free. */
  readonly port: number;
  /** The IPv4 address to listen on; 0.0.0.0 for all. */
  readonly host: string;
  readonly app: { readonly listener: RequestListener; readonly classes?: MessageClasses };
  /** A connection without traffic for this long is closed, milliseconds. */
  readonly stallMs?: number;
  readonly maxConnections?: number;
  /** Connections that one address may have. */
  readonly perAddress?: number | undefined;
  /** Undefined where the system does not tell which bytes of a response have arrived. */
  readonly syscalls?: Pick<Syscalls, 'acknowledged'> | undefined;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** A running HTTP server. */
export interface HttpServer extends Service {
  readonly port: number;
}

const STALL = 5 * 60 * 1000;
const CONNECTIONS = 10_000;
/** An address may be that of a router with many machines behind it. */
const PER_ADDRESS = CONNECTIONS / 4;
/** Time for a request's head, milliseconds. */
const HEAD_TIMEOUT = 30_000;
/** Bytes of a request's head. */
const HEAD_SIZE = 16 * 1024;
/** How long an idle connection waits for the next request, milliseconds. */
const KEEP_ALIVE = 30_000;

/**
 * Starts the HTTP server.
 * @throws an error with `code`, whose message names the port and the remedy, if it cannot listen
 */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { port, host, app, stallMs = STALL, maxConnections = CONNECTIONS } = options;
  const { perAddress = PER_ADDRESS, syscalls, record, now } = options;
  const server = createServer(
    {
      maxHeaderSize: HEAD_SIZE,
      headersTimeout: HEAD_TIMEOUT,
      requestTimeout: 2 * HEAD_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE,
      ...app.classes,
    },
    app.listener,
  );
  // Starts again with each byte in either direction.
  server.timeout = stallMs;
  server.maxConnections = maxConnections;
  const connections = trackConnections(server, { perAddress, slowMs: stallMs, syscalls, record, now });
  refuseRaw(server, record);
  const remedy = 'set server.http.port to another port';
  const listening = await listenTcp(server, { service: 'HTTP', address: host, port, remedy });
  // A connection that the system could not hand over (ENOBUFS, EMFILE) is lost, and nothing else.
  server.on('error', () => {});
  return {
    listening: [`${host}:${listening}`],
    port: listening,
    stop: async (graceMs = 0) => {
      const closed = once(server, 'close');
      server.close();
      connections.drain();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}
