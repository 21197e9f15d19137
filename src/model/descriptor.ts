type Handle = { readonly fd?: number } | null | undefined;

const descriptorIn = (handle: Handle): number | undefined => {
  const { fd } = handle ?? {};
  return fd !== undefined && fd >= 0 ? fd : undefined;
};

/**
 * The descriptor of a connection of `node:net`; undefined where it is closed, or the system has none. To be forgotten when
 * the socket is closed: another file may have it then.
 */
export function descriptorOfConnection(socket: object): number | undefined {
  return descriptorIn((socket as { readonly _handle?: Handle })._handle);
}

/** The same of a socket of `node:dgram`, which has its handle in a state of its own and warns of `_handle`. */
export function descriptorOf(socket: object): number | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  if (symbol === undefined) return undefined;
  return descriptorIn((socket as Readonly<Record<symbol, { readonly handle?: Handle }>>)[symbol]?.handle);
}

/**
 * Sends a datagram at once, by the socket's descriptor, to a dotted IPv4 address and a port. False where the kernel did
 * not take it, whatever the reason: the socket's own way then waits, or tells the error. Node's way takes half as long
 * again, as it makes a request of each datagram that is called back.
 */
export type SendNow = (socket: number, bytes: Uint8Array, address: string, port: number) => boolean;

/**
 * Has the kernel cut what is sent into datagrams of a size, the last of them shorter: one call for many, and one way
 * through the kernel as far as the device allows (UDP_SEGMENT of udp(7), Linux 4.18). 0 ends it. False where the kernel
 * does not know it; where it does not like the size, sending says so.
 */
export type CutDatagrams = (socket: number, size: number) => boolean;
