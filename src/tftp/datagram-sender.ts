import type { Syscalls } from '../model/sockets/syscalls.ts';
import type { Peer, Port } from './transfer/download.ts';

/** The system calls that send datagrams; each may be missing. */
export type DatagramCalls = Partial<Pick<Syscalls, 'sendNow' | 'setUdpSegment'>>;

/**
 * Makes the function that sends from a port: by system calls, and where these fail by Node's own way.
 * @param fd of the port; undefined once it is closed
 * @param queue Node's own way, for one datagram
 */
export function createSend(
  { sendNow, setUdpSegment }: DatagramCalls,
  fd: () => number | undefined,
  queue: (datagram: Uint8Array, peer: Peer) => void,
): Port['send'] {
  const sendOne = (datagram: Uint8Array, peer: Peer): void => {
    const open = fd();
    if (open !== undefined && sendNow?.(open, datagram, peer.address, peer.port)) return;
    // A copy: it may wait, and the memory is used again.
    queue(Uint8Array.from(datagram), peer);
  };
  /** The size that the kernel cuts by; undefined where it cannot, as on devices that compute no checksums. */
  let cutBy: number | undefined = 0;
  const sendMany = (datagrams: Uint8Array, peer: Peer, size: number): boolean => {
    const open = fd();
    if (open === undefined || cutBy === undefined) return false;
    if (cutBy !== size) cutBy = setUdpSegment?.(open, size) ? size : undefined;
    if (cutBy !== undefined && sendNow?.(open, datagrams, peer.address, peer.port)) return true;
    // A size that the kernel refuses would stop single datagrams too.
    setUdpSegment?.(open, 0);
    cutBy = undefined;
    return false;
  };
  return (datagrams, peer, size = datagrams.length) => {
    if (datagrams.length <= size) sendOne(datagrams, peer);
    else if (!sendMany(datagrams, peer, size)) {
      for (let at = 0; at < datagrams.length; at += size) sendOne(datagrams.subarray(at, at + size), peer);
    }
  };
}
