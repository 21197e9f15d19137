import type { RecordEvent } from '../model/event.ts';
import { rateLimitedLog } from '../model/limits/rate-limited-log.ts';
import { SourceBudget } from '../model/limits/source-budget.ts';
import type { KnownFacts } from '../model/machine/known-facts.ts';
import type { Config } from '../model/settings/config.ts';
import { closeUdp, type Socket } from '../model/sockets/listen.ts';
import type { Service } from '../model/sockets/service.ts';
import { udpFd } from '../model/sockets/socket-fd.ts';
import type { Syscalls } from '../model/sockets/syscalls.ts';
import { type Answer, answer } from './answer.ts';
import { Attempts } from './attempts.ts';
import type { DhcpIdentity } from './decide.ts';
import { bindDhcp, PORT_67_HELD, PORT_67_TAKEN, Port67, RECEIVE_BUFFER } from './port-67.ts';
import type { Datagram } from './reply.ts';
import type { ServerPort } from './request.ts';

/** Options of {@link startDhcp}. */
export interface DhcpServerOptions {
  /** The IPv4 address to listen on and to send from. */
  readonly address: string;
  /** The network interface whose broadcasts are received; those of all where it is undefined. */
  readonly device?: string | undefined;
  /** Whether other networks of this machine are served too: then broadcasts of every interface may not be heard. */
  readonly onlyThere?: boolean;
  /**
   * Calls `renewed` when an interface was removed and made again: no socket is bound to it any more. Returns a function
   * that ends that.
   */
  readonly watchDevice?: ((device: string, renewed: () => void) => () => void) | undefined;
  /** The current configuration; called once per packet. */
  readonly config: () => Config;
  readonly facts: KnownFacts;
  /** The server as clients see it; its address is `address`. Called once per packet. */
  readonly identity: () => DhcpIdentity;
  readonly record: RecordEvent;
  /** Undefined where the system has none: then broadcasts of every interface are received, and sending takes longer. */
  readonly syscalls?: Pick<Syscalls, 'bindToDevice' | 'growReceiveBuffer' | 'sendNow'> | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Replies that wait for the kernel at a time; more are dropped, as on a full network. */
const MAX_SENDING = 256;
/** Requests of one machine: firmware asks some five times for each try. */
const PER_MACHINE = { burst: 32, perSecond: 8 };
/** Milliseconds between two checks for another DHCP server on this host. */
const CHECK_EVERY = 1000;

/** Whether a packet came by way of a relay: octets 24 to 27 are `giaddr`. */
const isRelayed = (bytes: Uint8Array) => bytes.subarray(24, 28).some((octet) => octet !== 0);

/** Makes a function that warns of a missing boot file that a machine needs, once for each file. */
export function missingOnce(record: RecordEvent): (file: string) => void {
  const missing = new Set<string>();
  return (file) => {
    if (missing.has(file)) return;
    missing.add(file);
    record({
      event: 'dhcp.no-boot-file',
      level: 'warn',
      message: `a machine needs ${file}, which is not there: install iPXE's package for it, or put it into server.ipxe`,
      file,
    });
  };
}

/**
 * Starts a proxyDHCP server (PXE 2.1 section 2.2): OFFERs to DISCOVERs on port 67, ACKs on port 4011; no leases. Port
 * 67 is not served where another DHCP server keeps it to itself.
 * @throws Error with `code` and `cause` if port 4011 is taken or a port cannot be had; its message names the remedy;
 * Error if broadcasts of other interfaces would be heard, which may not be
 */
export async function startDhcp(options: DhcpServerOptions): Promise<Service> {
  const { address, device, onlyThere = false, config, facts, identity, syscalls, now } = options;
  const attempts = new Attempts();
  const record = rateLimitedLog(options.record, now);
  const noteMissing = missingOnce(record);
  const budget = new SourceBudget(PER_MACHINE, (source) => {
    const message = `${source} asks too often: most of its requests are dropped`;
    record({ event: 'dhcp.limited', level: 'warn', message, mac: source });
  });
  const bootServer = await bindDhcp(address, 4011, false);
  const port67 = await Port67.open(address).catch(async (error) => {
    await closeUdp(bootServer);
    throw error;
  });
  /** File descriptors of the sockets that are served. */
  const fds = new Map<Socket, number>();
  let sending = 0;
  let checkedAt = Number.NEGATIVE_INFINITY;

  const fail = (what: string, error: unknown) => {
    record({ event: 'dhcp.error', level: 'warn', message: `${what}: ${String(error)}` });
  };

  const send = (datagram: Datagram) => {
    const { bytes, address: to, port } = datagram;
    const socket = datagram.from === 67 ? port67?.senderTo(to) : bootServer;
    const fd = socket && fds.get(socket);
    if (fd !== undefined && syscalls?.sendNow(fd, bytes, to, port)) return;
    if (sending >= MAX_SENDING) return fail('reply dropped', 'too many wait to be sent');
    sending++;
    const done = (error: Error | null) => {
      sending--;
      if (error) fail(`cannot send to ${to}:${port}`, error);
    };
    try {
      if (datagram.from === 67) port67?.send(datagram, done);
      else bootServer.send(bytes, port, to, done);
    } catch (error) {
      done(error as Error);
    }
  };

  const carryOut = ({ event, send: datagram, missing }: Answer) => {
    if (missing !== undefined) noteMissing(missing);
    if (datagram) send(datagram);
    record(event);
  };

  /** Answers the packets that arrive at a socket, or those that are `wanted`. */
  const serve = (socket: Socket, port: ServerPort, wanted: (bytes: Uint8Array) => boolean = () => true) => {
    socket.on('error', (error) => fail(`port ${port}`, error));
    socket.on('message', (bytes, sender) => {
      if (!wanted(bytes)) return;
      try {
        carryOut(
          answer(bytes, port, sender, { config: config(), facts, identity: identity(), attempts, budget, now: now() }),
        );
      } catch (error) {
        fail('a packet could not be handled', error);
      }
    });
    const fd = udpFd(socket);
    if (fd === undefined) return;
    fds.set(socket, fd);
    syscalls?.growReceiveBuffer(fd, RECEIVE_BUFFER);
  };

  /** Returns true when another DHCP server of this host is seen for the first time. */
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

  /** Has broadcasts of the served interface heard alone. @throws Error where that is not possible, but must be */
  const bindToDevice = (port67: Port67) => {
    const fd = udpFd(port67.broadcasts);
    if (device === undefined || (fd !== undefined && syscalls?.bindToDevice(fd, device))) return;
    const why = syscalls ? 'the system refuses to bind a socket to it' : 'that needs the package koffi, on Linux';
    if (onlyThere) {
      const remedy = 'install that, give the service CAP_NET_RAW, or serve one interface';
      throw new Error(`DHCP: cannot hear the broadcasts of ${device} alone: ${why}; ${remedy}`);
    }
    const message = `broadcasts of every interface are heard, not of ${device} alone, and answered on ${device}: ${why}`;
    record({ event: 'dhcp.every-interface', level: 'warn', message });
  };

  const renew = async (port67: Port67) => {
    fds.delete(port67.broadcasts);
    try {
      await port67.reopenBroadcasts();
      bindToDevice(port67);
      serve(port67.broadcasts, 67);
    } catch (error) {
      fail(`cannot hear ${device}, which was made anew`, error);
    }
  };
  try {
    if (port67) bindToDevice(port67);
  } catch (error) {
    await Promise.all([closeUdp(bootServer), port67?.close()]);
    throw error;
  }
  const unwatch = port67 && device !== undefined ? options.watchDevice?.(device, () => void renew(port67)) : undefined;

  serve(bootServer, 4011);
  if (port67) {
    const shared = await yieldToNeighbour();
    if (!shared) record({ event: 'dhcp.port', level: 'info', message: PORT_67_HELD });
    serve(port67.broadcasts, 67);
    serve(port67.unicasts, 67, isRelayed);
    // A client that renews its lease here takes this host for its DHCP server: one must have been started since.
    port67.unicasts.on('message', (bytes) => {
      if (isRelayed(bytes) || now() - checkedAt < CHECK_EVERY) return;
      checkedAt = now();
      void yieldToNeighbour();
    });
  } else {
    record({ event: 'dhcp.fallback', level: 'warn', message: PORT_67_TAKEN, address });
  }

  return {
    listening: [...(port67 ? [`${address}:67`] : []), `${address}:4011`],
    async stop() {
      unwatch?.();
      fds.clear();
      await Promise.all([closeUdp(bootServer), port67?.close()]);
    },
  };
}
