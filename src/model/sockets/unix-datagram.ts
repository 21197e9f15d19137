import { constants, platform } from 'node:os';

/** A socket that sends datagrams to one path of the file system. Node has none. */
export interface UnixDatagram {
  /**
   * Sends a datagram without waiting.
   * @returns 0, or the error's number, negative
   */
  send(bytes: Uint8Array): number;
}

const AF_UNIX = 1;
/** SOCK_DGRAM, SOCK_NONBLOCK and SOCK_CLOEXEC of socket(2), the same numbers on x86 and ARM. */
const SOCKET_TYPE = 2 | 0x800 | 0x80000;
const MSG_NOSIGNAL = 0x4000;
/** sizeof(sun_path) of struct sockaddr_un, unix(7) */
const LONGEST_PATH = 108;

/**
 * A struct sockaddr_un: the family, then the path. A path that begins with `@` is an abstract name, as systemd writes it.
 * @throws Error for a path that is too long
 */
export function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(path);
  if (name.length >= LONGEST_PATH)
    throw new Error(`${path}: the path of a socket has at most ${LONGEST_PATH - 1} bytes`);
  if (name[0] === 0x40) name[0] = 0;
  const family = Buffer.alloc(2);
  new Uint16Array(family.buffer, family.byteOffset, 1)[0] = AF_UNIX;
  return Buffer.concat([family, name]);
}

/**
 * Opens a socket for datagrams to a path, by way of koffi. Nobody need listen there yet.
 * @throws Error where there is no koffi for this machine, or no such socket
 */
export async function openUnixDatagram(path: string): Promise<UnixDatagram> {
  if (platform() !== 'linux') throw new Error(`${platform()} is not Linux`);
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const open = libc.func('int socket(int domain, int type, int protocol)');
  const sendTo = libc.func(
    'intptr_t sendto(int socket, const void *bytes, size_t count, int flags, const void *to, unsigned int length)',
  );
  const to = unixAddress(path);
  const socket: number = open(AF_UNIX, SOCKET_TYPE, 0);
  if (socket < 0) throw new Error(`no socket for ${path}: error ${koffi.errno()}`);
  return {
    send: (bytes) => (sendTo(socket, bytes, bytes.length, MSG_NOSIGNAL, to, to.length) < 0 ? -koffi.errno() : 0),
  };
}

/** The datagram is too long for the socket: it will never go. */
export const TOO_LONG = -constants.errno.EMSGSIZE;
