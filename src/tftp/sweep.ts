import { createBusyWait } from './busy-wait.ts';
import type { Receive } from './download.ts';
import type { DatagramMeans } from './means.ts';

/** Receives from all ports of transfers at once, without the event loop. */
export interface Sweep {
  /** Counts a port in, by its descriptor. */
  add(descriptor: number, receive: Receive): void;
  /** To be called before the port is closed. */
  remove(descriptor: number): void;
  /** Hands on what else has arrived, at any port, and what soon does. To be called after each packet of the event loop's. */
  more(): void;
  close(): void;
}

/** More than any answer of a client's: an ACK, or an ERROR with its text. */
const LONGEST_ANSWER = 2048;

/**
 * Begins to receive where the system has a way; elsewhere every packet is the event loop's, and this does nothing.
 * @param now milliseconds of a clock that never goes back
 * @param worthwhile whether anything is to be expected
 */
export function createSweep(
  { receiveNow, watchArrivals }: DatagramMeans,
  now: () => number,
  worthwhile: () => boolean,
): Sweep {
  if (!receiveNow || !watchArrivals) return { add() {}, remove() {}, more() {}, close() {} };
  const arrivals = watchArrivals();
  const receivers = new Map<number, Receive>();
  const bytes = new Uint8Array(LONGEST_ANSWER);
  const wait = createBusyWait(now, setImmediate);
  const take = (): boolean => {
    let taken = false;
    for (const descriptor of arrivals.now()) {
      // What was handed on before may have ended another transfer.
      const receive = receivers.get(descriptor);
      const arrived = receive && receiveNow(descriptor, bytes);
      if (!arrived) continue;
      taken = true;
      // Nobody can be answered at port 0.
      if (arrived.port !== 0) receive(bytes.subarray(0, arrived.length), arrived);
    }
    return taken;
  };
  return {
    add(descriptor, receive) {
      receivers.set(descriptor, receive);
      arrivals.watch(descriptor);
    },
    remove: (descriptor) => void receivers.delete(descriptor),
    more: () => wait(take, worthwhile),
    close: () => arrivals.close(),
  };
}
