import type { DescriptorOf, SendNow, SetUdpSegment } from '../model/sockets/datagrams.ts';
import type { Peer, Port } from './transfer/download.ts';

/** What the system can do with datagrams beyond Node's own way; each may be missing. */
export interface DatagramCalls {
  /** What the others take a socket by. */
  readonly descriptorOf?: DescriptorOf;
  readonly sendNow?: SendNow;
  /** A way to send many at once with it. */
  readonly setUdpSegment?: SetUdpSegment;
}

/**
 * Makes a port's way to send: by the quickest means that the system has.
 * @param descriptor the port's; undefined once it is closed
 * @param queue Node's own way, for one datagram
 */
export function createSend(
  { sendNow, setUdpSegment }: DatagramCalls,
  descriptor: () => number | undefined,
  queue: (datagram: Uint8Array, peer: Peer) => void,
): Port['send'] {
  const sendOne = (datagram: Uint8Array, peer: Peer): void => {
    const open = descriptor();
    if (open !== undefined && sendNow?.(open, datagram, peer.address, peer.port)) return;
    // It may wait there.
    queue(Uint8Array.from(datagram), peer);
  };
  /** The size that the kernel cuts by; undefined where it cannot, as where the device sums no checksums. */
  let cutBy: number | undefined = 0;
  const sendMany = (datagrams: Uint8Array, peer: Peer, size: number): boolean => {
    const open = descriptor();
    if (open === undefined || cutBy === undefined) return false;
    if (cutBy !== size) cutBy = setUdpSegment?.(open, size) ? size : undefined;
    if (cutBy !== undefined && sendNow?.(open, datagrams, peer.address, peer.port)) return true;
    // A size that the kernel does not like would stop single datagrams too.
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
