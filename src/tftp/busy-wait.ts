/** Milliseconds without a packet after which the wait ends: what a client in the same rack takes for a window. */
const PATIENCE = 0.3;
/** Milliseconds after which all else that the program has to do gets its turn. */
const TURN = 1;
/** The most packets in a row after which nothing is waited for, where it was in vain. */
const MOST_SKIPPED = 63;

/**
 * Makes a wait for a client's next packets that does not let the processor sleep. To fall asleep and be woken takes longer
 * than an answer on a quiet network, and is most of the work of a transfer in windows of 1. A client that is slower is
 * soon left to the event loop, and tried again every 64 packets.
 * @param now milliseconds of a clock that never goes back
 * @returns to be called after each packet that the event loop brought; `take` takes one more if there is any, and the wait
 *   ends where `worthwhile` no longer holds
 */
export function createBusyWait(now: () => number): (take: () => boolean, worthwhile: () => boolean) => void {
  let skip = 0;
  let inVain = 0;
  return (take, worthwhile) => {
    if (skip > 0) {
      skip -= 1;
      return;
    }
    const begun = now();
    let [time, last] = [begun, begun];
    while (worthwhile() && time - begun < TURN && time - last < PATIENCE) {
      const taken = take();
      time = now();
      if (taken) last = time;
    }
    if (last > begun) inVain = 0;
    else if (time - last >= PATIENCE) inVain = Math.min(MOST_SKIPPED, 2 * inVain + 1);
    skip = inVain;
  };
}
