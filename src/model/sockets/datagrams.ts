/** The descriptor of a UDP socket; undefined where it is closed, or the system has none. */
export type DescriptorOf = (socket: object) => number | undefined;

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
export type SetUdpSegment = (socket: number, size: number) => boolean;
