import { bindUdp, closeUdp, type Socket } from '../model/sockets/listen.ts';
import type { Datagram } from './reply.ts';

/**
 * Logged at the start: dnsmasq without `bind-interfaces` and Kea set neither SO_REUSEADDR nor SO_REUSEPORT, and Linux
 * lets two sockets have a UDP port only where both set one (net/ipv4/udp.c). No option of this server's helps them
 * then.
 */
export const PORT_67_HELD =
  'UDP port 67 is shared with DHCP servers of this host that share it too (dnsmasq with bind-interfaces, ISC dhcpd); ' +
  'any other (dnsmasq without bind-interfaces, Kea) can be started only before this server: see After= in its unit';

/** Logged where another DHCP server keeps port 67 to itself, with what to do. */
export const PORT_67_TAKEN =
  'another DHCP server of this host keeps UDP port 67 to itself: only port 4011 is served. ' +
  'Either let it share the port (dnsmasq: bind-interfaces; then start this server again), ' +
  'or let it send clients here (dnsmasq: dhcp-option=60,PXEClient; others: option 60 with the value PXEClient)';

/** Bytes in which a burst of some ten thousand requests waits while the event loop is busy. */
export const RECEIVE_BUFFER = 1 << 24;
/**
 * An address of this host that no DHCP server serves; a server that holds port 67 of every address holds it here too.
 */
const PROBE_ADDRESS = '127.67.67.67';
/** The limited broadcast address. */
const BROADCAST = '255.255.255.255';

/** Binds one of the UDP ports of DHCP. */
export function bindDhcp(address: string, port: number, reuseAddr: boolean): Promise<Socket> {
  return bindUdp({
    ...{ service: 'DHCP', address, port, reuseAddr, receiveBuffer: RECEIVE_BUFFER },
    remedy: 'set server.dhcp.mode to off',
    usualOwners: 'another proxyDHCP server such as dnsmasq with pxe-service',
  });
}

const isInUse = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EADDRINUSE';

/**
 * Whether another DHCP server of this host listens on all addresses, as dnsmasq with `bind-interfaces` and ISC dhcpd
 * do. They share the port (SO_REUSEADDR); a bind without that option fails where they are.
 */
function hasNeighbour(): Promise<boolean> {
  // Two binds at a time, of servers of two interfaces, would take each other for a neighbour.
  probing ??= probe().finally(() => {
    probing = undefined;
  });
  return probing;
}
let probing: Promise<boolean> | undefined;

async function probe(): Promise<boolean> {
  try {
    await closeUdp(await bindDhcp(PROBE_ADDRESS, 67, false));
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
export class Port67 {
  broadcasts: Socket;
  readonly unicasts: Socket;
  private yielding = false;
  private connected = false;

  private constructor(broadcasts: Socket, unicasts: Socket) {
    this.broadcasts = broadcasts;
    this.unicasts = unicasts;
  }

  /**
   * Opens port 67; undefined where another DHCP server keeps it to itself.
   * @throws an error with `code` for any other failure; its message names the remedy
   */
  static async open(address: string): Promise<Port67 | undefined> {
    let broadcasts: Socket | undefined;
    try {
      broadcasts = await bindDhcp(BROADCAST, 67, true);
      const unicasts = await bindDhcp(address, 67, true);
      unicasts.setBroadcast(true);
      return new Port67(broadcasts, unicasts);
    } catch (error) {
      if (broadcasts) await closeUdp(broadcasts);
      if (isInUse(error)) return undefined;
      throw error;
    }
  }

  /**
   * Leaves unicasts to another DHCP server of this host if there is one.
   * @returns true the first time that there is one
   */
  async yieldToNeighbour(): Promise<boolean> {
    if (this.yielding || !(await hasNeighbour()) || this.yielding) return false;
    this.yielding = true;
    await new Promise<void>((resolve, reject) => {
      this.unicasts.once('error', reject);
      this.unicasts.connect(68, BROADCAST, () => {
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
    this.broadcasts = await bindDhcp(BROADCAST, 67, true);
    await closeUdp(before);
  }

  /** The socket that sends to an address. */
  senderTo(address: string): Socket {
    return this.connected && address !== BROADCAST ? this.broadcasts : this.unicasts;
  }

  send({ bytes, address, port }: Datagram, done: (error: Error | null) => void): void {
    const socket = this.senderTo(address);
    if (this.connected && socket === this.unicasts) socket.send(bytes, done);
    else socket.send(bytes, port, address, done);
  }

  async close(): Promise<void> {
    await Promise.all([closeUdp(this.broadcasts), closeUdp(this.unicasts)]);
  }
}
