import { createSocket, type Socket } from 'node:dgram';
import { rateLimitedLog } from '../model/limits/rate-limited-log.ts';
import { SourceBudget } from '../model/limits/source-budget.ts';
import { answer, type Outcome } from './answer.ts';
import { Attempts } from './attempts.ts';
import { bindFailure, PORT_67_HELD, PORT_67_TAKEN } from './bind-failure.ts';
import { missingOnce } from './missing.ts';
import type { Datagram } from './reply.ts';
import type { ServerPort } from './request.ts';
import type { DhcpServer, DhcpServerOptions } from './server-options.ts';

/** Replies that wait for the kernel at a time; more are dropped, as a full network would do. */
const MAX_SENDING = 256;
/** Where a burst of requests waits while the event loop is busy: some ten thousand. The system may allow less. */
const RECEIVE_BUFFER = 1 << 24;
/** What one machine may ask for: firmware asks some five times for each try. */
const PER_MACHINE = { burst: 32, perSecond: 8 };
/** Milliseconds between two looks for another DHCP server on this host. */
const LOOK_AGAIN_AFTER = 1000;
/** An address of this host that no DHCP server serves; who holds its port 67 holds that of every address. */
const PROBE_ADDRESS = '127.67.67.67';
const EVERYBODY = '255.255.255.255';

/** Binds a UDP socket. */
function bind(address: string, port: number, reuseAddr: boolean): Promise<Socket> {
  // Addresses are always numbers here; dgram would ask the resolver for each packet.
  const socket = createSocket({ type: 'udp4', reuseAddr, lookup: (host, _options, done) => done(null, host, 4) });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

function close(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

const isInUse = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EADDRINUSE';

/**
 * Whether another DHCP server of this host listens on all addresses, as dnsmasq with `bind-interfaces` and ISC dhcpd
 * do. They share the port (SO_REUSEADDR); a bind without that option fails where they are.
 */
async function hasNeighbour(): Promise<boolean> {
  try {
    await close(await bind(PROBE_ADDRESS, 67, false));
    return false;
  } catch (error) {
    return isInUse(error);
  }
}

/**
 * The sockets of port 67. Node tells neither the interface nor the destination of a packet, hence two:
 * - `broadcasts`, bound to 255.255.255.255 and to the interface, gets what clients broadcast there; a DHCP server of
 *   this host gets its copy too.
 * - `unicasts`, bound to the address, gets what relays send, whichever way they come. It also sends, as only a socket
 *   with the address of an interface broadcasts there, whatever the routes are.
 *
 * Beside a DHCP server of this host `unicasts` would be handed the lease renewals that are meant for that server. So
 * there it is connected to the broadcast address: it still sends, and receives nothing.
 */
class Port67 {
  broadcasts: Socket;
  readonly unicasts: Socket;
  private yielding = false;
  private connected = false;

  private constructor(broadcasts: Socket, unicasts: Socket) {
    this.broadcasts = broadcasts;
    this.unicasts = unicasts;
  }

  static async open(address: string): Promise<Port67> {
    const broadcasts = await bind(EVERYBODY, 67, true);
    try {
      const unicasts = await bind(address, 67, true);
      unicasts.setBroadcast(true);
      return new Port67(broadcasts, unicasts);
    } catch (error) {
      await close(broadcasts);
      throw error;
    }
  }

  /** Leaves unicasts to another DHCP server of this host if there is one. Returns whether that is news. */
  async yieldToNeighbour(): Promise<boolean> {
    if (this.yielding || !(await hasNeighbour()) || this.yielding) return false;
    this.yielding = true;
    await new Promise<void>((resolve, reject) => {
      this.unicasts.once('error', reject);
      this.unicasts.connect(68, EVERYBODY, () => {
        this.unicasts.off('error', reject);
        this.connected = true;
        resolve();
      });
    });
    return true;
  }

  /** Opens the socket for broadcasts anew, bound to no interface yet. */
  async reopenBroadcasts(): Promise<void> {
    const before = this.broadcasts;
    this.broadcasts = await bind(EVERYBODY, 67, true);
    await close(before);
  }

  /** The socket that sends to an address. */
  senderTo(address: string): Socket {
    return this.connected && address !== EVERYBODY ? this.broadcasts : this.unicasts;
  }

  send({ bytes, address, port }: Datagram, done: (error: Error | null) => void): void {
    const socket = this.senderTo(address);
    if (this.connected && socket === this.unicasts) socket.send(bytes, done);
    else socket.send(bytes, port, address, done);
  }

  async close(): Promise<void> {
    await Promise.all([close(this.broadcasts), close(this.unicasts)]);
  }
}

/** Opens port 67; undefined where another DHCP server keeps it to itself. */
async function openPort67(address: string): Promise<Port67 | undefined> {
  try {
    return await Port67.open(address);
  } catch (error) {
    if (isInUse(error)) return undefined;
    throw bindFailure(error, address, 67);
  }
}

/** Has a socket receive nothing but what comes in on an interface. Returns whether that is so. */
function hearOnly(
  socket: Socket,
  { device, descriptorOf, bindToDevice }: Pick<DhcpServerOptions, 'device' | 'descriptorOf' | 'bindToDevice'>,
): boolean {
  const descriptor = descriptorOf?.(socket);
  return device === undefined || (descriptor !== undefined && bindToDevice?.(descriptor, device) === true);
}

/** Whether a packet came by way of a relay: octets 24 to 27 are `giaddr`. */
const isRelayed = (bytes: Uint8Array) => bytes.subarray(24, 28).some((octet) => octet !== 0);

/**
 * Starts a proxyDHCP server (PXE 2.1 section 2.2): OFFERs to DISCOVERs on port 67, ACKs on port 4011; no leases.
 * @throws Error with `code` and `cause` if port 4011 is taken or a port cannot be had; its message names the remedy
 */
export async function startDhcp({ address, config, identity, now, ...rest }: DhcpServerOptions): Promise<DhcpServer> {
  const attempts = new Attempts();
  const record = rateLimitedLog(rest.record, now);
  const noteMissing = missingOnce(record);
  const budget = new SourceBudget(PER_MACHINE, (source) => {
    const message = `${source} asks too often: most of its requests are dropped`;
    record({ event: 'dhcp.limited', level: 'warn', message, mac: source });
  });
  const bootServer = await bind(address, 4011, false).catch((cause) => {
    throw bindFailure(cause, address, 4011);
  });
  const port67 = await openPort67(address).catch(async (error) => {
    await close(bootServer);
    throw error;
  });
  const descriptors = new Map<Socket, number>();
  let sending = 0;
  let lookedAt = Number.NEGATIVE_INFINITY;

  const fail = (what: string, error: unknown) => {
    record({ event: 'dhcp.error', level: 'warn', message: `${what}: ${String(error)}` });
  };

  const send = (datagram: Datagram) => {
    const { bytes, address: to, port } = datagram;
    const socket = datagram.from === 67 ? port67?.senderTo(to) : bootServer;
    const descriptor = socket && descriptors.get(socket);
    if (descriptor !== undefined && rest.sendNow?.(descriptor, bytes, to, port)) return;
    if (sending >= MAX_SENDING) return fail('reply dropped', 'too many wait to be sent');
    sending++;
    const done = (error: Error | null) => {
      sending--;
      if (error) fail(`cannot send to ${datagram.address}:${datagram.port}`, error);
    };
    try {
      if (datagram.from === 67) port67?.send(datagram, done);
      else bootServer.send(datagram.bytes, datagram.port, datagram.address, done);
    } catch (error) {
      done(error as Error);
    }
  };

  const carryOut = ({ event, send: datagram, missing }: Outcome) => {
    if (missing !== undefined) noteMissing(missing);
    if (datagram) send(datagram);
    record(event);
  };

  /** Answers what arrives at a socket, or of it what is `wanted`. */
  const serve = (socket: Socket, port: ServerPort, wanted: (bytes: Uint8Array) => boolean = () => true) => {
    socket.on('error', (error) => fail(`port ${port}`, error));
    socket.on('message', (bytes, sender) => {
      if (!wanted(bytes)) return;
      try {
        carryOut(answer(bytes, port, sender, { config: config(), identity: identity(), attempts, budget, now: now() }));
      } catch (error) {
        fail('a packet could not be handled', error);
      }
    });
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER);
    } catch {
      // The system's own size serves, with less room for bursts.
    }
    const descriptor = rest.descriptorOf?.(socket);
    if (descriptor === undefined) return;
    descriptors.set(socket, descriptor);
    rest.growReceiveBuffer?.(descriptor, RECEIVE_BUFFER);
  };

  /** Returns whether there is a neighbour now that there was not before. */
  const yieldToNeighbour = async (): Promise<boolean> => {
    try {
      if (!(await port67?.yieldToNeighbour())) return false;
      const message = 'another DHCP server runs on this host: packets that relays send here are left to it';
      record({ event: 'dhcp.shared', level: 'info', message });
      return true;
    } catch (error) {
      fail('cannot leave unicasts to the other DHCP server of this host', error);
      return false;
    }
  };

  const hearBroadcasts = (port67: Port67) => {
    if (!hearOnly(port67.broadcasts, rest)) {
      const message =
        `broadcasts of every interface are heard, not of ${rest.device} alone, and answered on ${rest.device}: ` +
        (rest.bindToDevice ? 'the system refuses to bind a socket to it' : 'that needs the package koffi, on Linux');
      record({ event: 'dhcp.every-interface', level: 'warn', message });
    }
    serve(port67.broadcasts, 67);
  };

  const renew = async (port67: Port67) => {
    descriptors.delete(port67.broadcasts);
    try {
      await port67.reopenBroadcasts();
      hearBroadcasts(port67);
    } catch (error) {
      fail(`cannot hear ${rest.device}, which was made anew`, error);
    }
  };
  const unwatch =
    port67 && rest.device !== undefined ? rest.watchDevice?.(rest.device, () => void renew(port67)) : undefined;

  serve(bootServer, 4011);
  if (port67) {
    const shared = await yieldToNeighbour();
    if (!shared) record({ event: 'dhcp.port', level: 'info', message: PORT_67_HELD });
    hearBroadcasts(port67);
    serve(port67.unicasts, 67, isRelayed);
    // A client that renews its lease here takes this host for its DHCP server: one must have been started since.
    port67.unicasts.on('message', (bytes) => {
      if (isRelayed(bytes) || now() - lookedAt < LOOK_AGAIN_AFTER) return;
      lookedAt = now();
      void yieldToNeighbour();
    });
  } else {
    record({ event: 'dhcp.fallback', level: 'warn', message: PORT_67_TAKEN });
  }

  return {
    listening: [...(port67 ? [`${address}:67`] : []), `${address}:4011`],
    async stop() {
      unwatch?.();
      descriptors.clear();
      await Promise.all([close(bootServer), port67?.close()]);
    },
  };
}
