import { openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants, platform } from 'node:os';
import { writeIpv4 } from './ipv4.ts';
import { tcpFd } from './socket-fd.ts';

/** System calls of Linux that Node lacks. `socket` and `file` are file descriptors. */
export interface Syscalls {
  /**
   * Copies a part of a file to a socket without the bytes passing through this process: sendfile(2). Blocks until the
   * disk has answered where they are not in the page cache.
   * @returns bytes sent, 0 at the end of the file; or the error's number, negative
   */
  sendfile(socket: number, file: number, position: number, count: number): number;
  /** Bytes that the peer has not acknowledged yet: SIOCOUTQ of tcp(7). */
  unacknowledged(socket: number): number;
  /**
   * Bytes that the peer has acknowledged since the connection began: tcpi_bytes_acked of struct tcp_info, Linux 4.1.
   */
  acknowledged(socket: number): number;
  /**
   * Limits the bytes that wait in a socket and were never sent: TCP_NOTSENT_LOWAT of tcp(7). The socket is writable
   * again when half of them have gone.
   */
  limitUnsent(socket: number, bytes: number): void;
  /** Enlarges a receive buffer beyond the system's limit: SO_RCVBUFFORCE, which needs CAP_NET_ADMIN. */
  growReceiveBuffer(socket: number, bytes: number): void;
  /**
   * Has a socket receive only packets of one interface: SO_BINDTODEVICE of socket(7), which needs CAP_NET_RAW before
   * Linux 5.7.
   * @returns false where the system refuses
   */
  bindToDevice(socket: number, device: string): boolean;
  /**
   * Sends a datagram without waiting: sendto(2). Node's own way takes half as long again, as it makes a request with a
   * callback of each datagram.
   * @param address IPv4, dotted
   * @returns false where the kernel did not take it, for whatever reason: Node's own way then waits, or reports the
   * error
   */
  sendNow(socket: number, bytes: Uint8Array, address: string, port: number): boolean;
  /**
   * Has the kernel cut what is sent into datagrams of a size, the last of them shorter: one call sends many
   * (UDP_SEGMENT of udp(7), Linux 4.18). 0 ends it.
   * @returns false where the kernel does not know it; where it refuses the size, sending fails
   */
  setUdpSegment(socket: number, size: number): boolean;
  /** Brings a part of a file into the page cache, on another thread. Never rejects: reading shows the error. */
  load(file: number, position: number, count: number): Promise<void>;
}

/** The socket is full: there will be room again. */
export const FULL = -constants.errno.EAGAIN;
/** The connection ended. */
export const GONE: ReadonlySet<number> = new Set([
  -constants.errno.EPIPE,
  -constants.errno.ECONNRESET,
  -constants.errno.ENOTCONN,
  -constants.errno.EBADF,
  -constants.errno.ETIMEDOUT,
]);

/** The file's file system does not know sendfile(2). */
export const UNSUPPORTED = -constants.errno.EINVAL;

/** The error of a negative result of {@link Syscalls.sendfile}. */
export function failure(negative: number): Error {
  const code = Object.entries(constants.errno).find(([, number]) => number === -negative)?.[0];
  return Object.assign(new Error(`sendfile: ${code ?? `error ${-negative}`}`), { code, errno: negative });
}

const SIOCOUTQ = 0x5411;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;
const AF_INET = 2;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const UDP_SEGMENT = 103;
const TCP_NOTSENT_LOWAT = 25;
const TCP_INFO = 11;
/** Where tcpi_bytes_acked is in a struct tcp_info, and what it takes to have it, bytes. */
const ACKED = { offset: 120, end: 128 } as const;
const MSG_DONTWAIT = 0x40;
/** sizeof(struct sockaddr_in) */
const ADDRESS_LENGTH = 16;

/**
 * Opens the system calls by way of koffi. `why` says why there are none: another system, or no koffi for this
 * processor. `sendfile64` has 64-bit offsets everywhere; a libc without it has them in `sendfile`.
 */
export async function openSyscalls(): Promise<{ readonly syscalls?: Syscalls; readonly why?: string }> {
  if (platform() !== 'linux') return { why: `${platform()} is not Linux` };
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load(null);
    const prototype = '(int out, int in, void *offset, size_t count)';
    const sendfile = (() => {
      try {
        return libc.func(`intptr_t sendfile64${prototype}`);
      } catch {
        return libc.func(`intptr_t sendfile${prototype}`);
      }
    })();
    const ioctl = libc.func('int ioctl(int socket, unsigned long request, void *value)');
    const getOption = libc.func('int getsockopt(int socket, int level, int name, void *value, void *length)');
    const setOption = libc.func('int setsockopt(int socket, int level, int name, void *value, unsigned int length)');
    const sendTo = libc.func(
      'intptr_t sendto(int socket, const void *bytes, size_t count, int flags, const void *to, unsigned int length)',
    );
    // struct sockaddr_in: family, port, address.
    const to = new Uint8Array(ADDRESS_LENGTH);
    new Uint16Array(to.buffer)[0] = AF_INET;
    // Bytes that are sent there are in the page cache then. Never closed: calls may be under way.
    const nowhere = openSync('/dev/null', 'w');
    const offset = new BigInt64Array(1);
    const value = new Int32Array(1);
    const info = new BigUint64Array(ACKED.end / 8);
    const infoLength = new Uint32Array(1);
    const syscalls: Syscalls = {
      sendfile: (socket, file, position, count) => {
        offset[0] = BigInt(position);
        const sent: number = sendfile(socket, file, offset, count);
        return sent < 0 ? -koffi.errno() : sent;
      },
      unacknowledged: (socket) => (ioctl(socket, SIOCOUTQ, value) < 0 ? 0 : (value[0] ?? 0)),
      acknowledged: (socket) => {
        infoLength[0] = ACKED.end;
        const known = getOption(socket, IPPROTO_TCP, TCP_INFO, info, infoLength) === 0 && infoLength[0] === ACKED.end;
        return known ? Number(info[ACKED.offset / 8]) : 0;
      },
      limitUnsent: (socket, bytes) => {
        value[0] = bytes;
        setOption(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, value, value.byteLength);
      },
      growReceiveBuffer: (socket, bytes) => {
        value[0] = bytes;
        setOption(socket, SOL_SOCKET, SO_RCVBUFFORCE, value, value.byteLength);
      },
      bindToDevice: (socket, device) => {
        const name = Buffer.from(device);
        return setOption(socket, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) === 0;
      },
      sendNow: (socket, bytes, address, port) => {
        to[2] = port >> 8;
        to[3] = port & 0xff;
        writeIpv4(to, 4, address);
        return sendTo(socket, bytes, bytes.length, MSG_DONTWAIT, to, ADDRESS_LENGTH) === bytes.length;
      },
      setUdpSegment: (socket, size) => {
        value[0] = size;
        return setOption(socket, IPPROTO_UDP, UDP_SEGMENT, value, value.byteLength) === 0;
      },
      load: (file, position, count) => {
        const from = new BigInt64Array([BigInt(position)]);
        return new Promise((resolve) => sendfile.async(nowhere, file, from, count, () => resolve()));
      },
    };
    return { syscalls };
  } catch (error) {
    return { why: (error as Error).message };
  }
}

/** The file descriptor of a TCP connection; undefined for TLS, whose bytes Node encrypts, and for a closed one. */
export function plainFd(socket: Socket): number | undefined {
  return 'encrypted' in socket || socket.destroyed ? undefined : tcpFd(socket);
}
