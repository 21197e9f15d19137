/** Milliseconds without a packet after which the wait ends: what a client in the same rack takes for a window. */
const PATIENCE = 0.3;
/** Milliseconds after which nothing is waited for any more until all else that the program has to do had its turn. */
const TURN = 1;
/** Milliseconds after which what has arrived already is left to the event loop until then, too. */
const LONG_TURN = 5;
/** The most packets in a row after which nothing is waited for, where it was in vain. */
const MOST_SKIPPED = 63;

/**
 * Makes a wait for clients' next packets that does not let the processor sleep. To fall asleep and be woken takes longer
 * than an answer on a quiet network, and is most of the work of a transfer in windows of 1. Clients that are slower are
 * soon left to the event loop, and tried again every 64 packets.
 * @param now milliseconds of a clock that never goes back
 * @param afterOthers calls back when all else has had its turn
 * @returns to be called after each packet that the event loop brought; `take` takes more if there are any, and the wait
 *   ends where `worthwhile` no longer holds
 */
export function createBusyWait(
  now: () => number,
  afterOthers: (callback: () => void) => void,
): (take: () => boolean, worthwhile: () => boolean) => void {
  let skip = 0;
  let inVain = 0;
  /** When the turn began: the event loop may bring packets of many sockets before all else has its turn. */
  let begun: number | undefined;
  return (take, worthwhile) => {
    if (begun !== undefined) {
      if (now() - begun < LONG_TURN) take();
      return;
    }
    if (skip > 0) {
      skip -= 1;
      return;
    }
    const start = now();
    begun = start;
    afterOthers(() => {
      begun = undefined;
    });
    let [time, last] = [start, start];
    while (worthwhile() && time - start < TURN && time - last < PATIENCE) {
      const taken = take();
      time = now();
      if (taken) last = time;
    }
    if (last > start) inVain = 0;
    else if (time - last >= PATIENCE) inVain = Math.min(MOST_SKIPPED, 2 * inVain + 1);
    skip = inVain;
  };
}
