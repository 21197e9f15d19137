/** The descriptor of a UDP socket; undefined where it is closed, or the system has none. */
export type DescriptorOf = (socket: object) => number | undefined;

/**
 * Sends a datagram at once, by the socket's descriptor, to a dotted IPv4 address and a port. Returns false if the
 * kernel did not take it, for any reason: the caller then sends through the socket, which waits or reports the error.
 * Node's own way takes half as long again, because it makes a request with a callback for each datagram.
 */
export type SendNow = (socket: number, bytes: Uint8Array, address: string, port: number) => boolean;

/**
 * Has the kernel cut what is sent into datagrams of a size, the last one shorter (UDP_SEGMENT of udp(7), Linux 4.18).
 * So one call sends many. 0 turns it off. Returns false if the kernel does not support it. For a size that the kernel
 * does not accept, the next send fails.
 */
export type SetUdpSegment = (socket: number, size: number) => boolean;
