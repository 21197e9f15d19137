import { createServer, type Socket } from 'node:net';
import type { RecordEvent } from '../model/event.ts';
import { rateLimitedLog } from '../model/limits/rate-limited-log.ts';
import { SourceBudget } from '../model/limits/source-budget.ts';
import { listenTcp } from '../model/sockets/listen.ts';
import type { Service } from '../model/sockets/service.ts';
import type { Exports } from './export.ts';
import { DEFAULT_LIMITS, type NbdLimits } from './limits.ts';
import { Ended, negotiate, transmit } from './serve.ts';
import { wireOf } from './wire.ts';

/** Options of {@link startNbd}. */
export interface NbdOptions {
  /** The IPv4 address to listen on. */
  readonly address: string;
  /** 10809 as a rule; 0 takes a free one. */
  readonly port: number;
  readonly exports: Exports;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly limits?: Partial<NbdLimits>;
}

/** The time after which a silent connection is probed (TCP keep-alive), milliseconds. */
const KEEP_ALIVE = 60_000;
/** How often the bytes of all connections are told of, milliseconds: a connection may last for weeks. */
const TELL_EVERY = 10_000;

/**
 * Starts a read-only NBD server: fixed newstyle negotiation, simple replies, one request after the other on each
 * connection. A client that exceeds a limit is disconnected, with a line in the log.
 * @throws Error with `code` and `cause` if the port cannot be bound; its message names the remedy
 */
export async function startNbd({ address, port, exports, now, ...rest }: NbdOptions): Promise<Service> {
  const limits: NbdLimits = { ...DEFAULT_LIMITS, ...rest.limits };
  const record = rateLimitedLog(rest.record, now);
  const open = new Map<Socket, string>();
  const attending = new Set<Promise<void>>();
  let untold = 0;
  const tellBytes = () => {
    if (untold > 0) record({ event: 'nbd.sent', level: 'debug', message: `${untold} bytes sent`, bytes: untold });
    untold = 0;
  };
  const telling = setInterval(tellBytes, TELL_EVERY);
  telling.unref();
  const budget = new SourceBudget(limits.opening, (peer) => {
    const message = `${peer} opens exports too often: its connections are closed`;
    record({ event: 'nbd.limited', level: 'warn', message, peer });
  });

  /** The reason to refuse one more client of an address; undefined where there is none. */
  const full = (peer: string): string | undefined => {
    if (open.size >= limits.connections) return `${limits.connections} connections are open`;
    const own = [...open.values()].filter((each) => each === peer).length;
    return own >= limits.perAddress ? `${own} connections from this address are open` : undefined;
  };

  const attend = async (socket: Socket, peer: string): Promise<void> => {
    const wire = wireOf(socket, limits.stallMs);
    const slow = setTimeout(() => socket.destroy(new Ended('the negotiation took too long')), limits.negotiationMs);
    let bytes = 0;
    const about = () => ({ peer, bytes });
    const own: Exports = {
      names: exports.names,
      open: async (name) => {
        if (!budget.take(peer, now())) throw new Ended('exports are opened too often from this address');
        return await exports.open(name);
      },
    };
    try {
      const chosen = await negotiate(wire, own, limits);
      clearTimeout(slow);
      if (!chosen) return;
      const { name, source } = chosen;
      const began = now();
      record({ event: 'nbd.open', level: 'info', message: `${peer} reads ${name}`, peer, export: name });
      try {
        await transmit(wire, source, limits, {
          sent: (count) => {
            bytes += count;
            untold += count;
          },
          failed: (why) =>
            record({ event: 'nbd.failed', level: 'error', message: `${name}: ${why}`, peer, export: name }),
        });
      } finally {
        const seconds = Math.round((now() - began) / 1000);
        const message = `${peer} is done with ${name}: ${bytes} bytes in ${seconds} s`;
        record({ event: 'nbd.closed', level: 'info', message, export: name, ...about() });
        await source.close();
      }
    } catch (error) {
      const message = `${peer}: ${(error as Error).message}`;
      if (error instanceof Ended) record({ event: 'nbd.ended', level: 'debug', message, ...about() });
      else record({ event: 'nbd.error', level: 'error', message, ...about() });
    } finally {
      clearTimeout(slow);
      socket.end(() => socket.destroy());
    }
  };

  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE }, (socket) => {
    const peer = socket.remoteAddress ?? '?';
    socket.on('error', () => {});
    const why = full(peer);
    if (why !== undefined) {
      record({ event: 'nbd.refused', level: 'warn', message: `${peer} is refused: ${why}`, peer });
      socket.destroy();
      return;
    }
    open.set(socket, peer);
    socket.once('close', () => open.delete(socket));
    const attended = attend(socket, peer).finally(() => attending.delete(attended));
    attending.add(attended);
  });
  const remedy = 'set server.nbd.port to another port';
  const listening = await listenTcp(server, { service: 'NBD', address, port, remedy });
  server.on('error', (error) => record({ event: 'nbd.error', level: 'error', message: error.message }));

  return {
    listening: [`${address}:${listening}`],
    // At once: clients whose root this is try again until the server is back.
    stop: async () => {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open.keys()) socket.destroy();
      await ended;
      await Promise.all(attending);
      clearInterval(telling);
      tellBytes();
    },
  };
}
