/** The descriptor of one of Node's sockets; undefined where it is closed, or the system has none. */
export function descriptorOf(socket: object): number | undefined {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}

/**
 * Sends a datagram at once, by the socket's descriptor, to a dotted IPv4 address and a port. False where the kernel did
 * not take it, whatever the reason: the socket's own way then waits, or tells the error. Node's way takes half as long
 * again, as it makes a request of each datagram that is called back.
 */
export type SendNow = (socket: number, bytes: Uint8Array, address: string, port: number) => boolean;
