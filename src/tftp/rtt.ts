/** How long one peer's answers take, and how long the server waits for the next. Milliseconds throughout. */
export interface Rtt {
  /** Smoothed round trip; undefined before the first measurement. */
  readonly srtt: number | undefined;
  /** Its variation. */
  readonly rttvar: number;
  /** The retransmission timeout, doubled with each of the quick tries. */
  readonly rto: number;
  /** The wait when quick tries were in vain. */
  readonly long: number;
  /** Timeouts in a row without any progress of the peer. */
  readonly tries: number;
  /** The sum of those timeouts. */
  readonly silence: number;
}

/** The wait for a peer not measured yet: above any LAN's round trip, far below what clients wait themselves. */
const INITIAL_RTO = 50;
/** A LAN answers in a tenth of this; below it, the peer's scheduling would look like loss. */
const FLOOR = 5;
/** The resolution of Node's timers. */
const GRANULARITY = 1;
/** Doublings before the server falls silent for long: on a LAN 5, 10, 20 and 40 ms. */
const QUICK_TRIES = 3;
/** The client's own timer where it names none, in seconds: atftp and U-Boot wait 5, edk2 4, others less. */
const CLIENT_TIMEOUT = 5;
/** The longest timer of a client, in seconds, that is waited for. */
const MAX_CLIENT_TIMEOUT = 30;
/** How much longer than the client's timer a long wait is, so that the client's runs out first. */
const MARGIN = 500;

/**
 * A peer not measured yet.
 * @param timeout the client's `timeout` option in seconds (RFC 2349)
 */
export function unmeasured(timeout: number | undefined): Rtt {
  const long = Math.min(timeout ?? CLIENT_TIMEOUT, MAX_CLIENT_TIMEOUT) * 1000 + MARGIN;
  return { srtt: undefined, rttvar: 0, rto: INITIAL_RTO, long, tries: 0, silence: 0 };
}

/** Takes in a round trip of a packet that was sent once (RFC 6298 section 2; section 3 for why only once). */
export function measured(rtt: Rtt, sample: number): Rtt {
  const srtt = rtt.srtt === undefined ? sample : 0.875 * rtt.srtt + 0.125 * sample;
  const rttvar = rtt.srtt === undefined ? sample / 2 : 0.75 * rtt.rttvar + 0.25 * Math.abs(rtt.srtt - sample);
  const rto = Math.min(rtt.long, Math.max(FLOOR, srtt + Math.max(GRANULARITY, 4 * rttvar)));
  return { ...rtt, srtt, rttvar, rto };
}

/** The peer made progress: its patience starts anew. A doubled timeout stays until the next measurement. */
export function heard(rtt: Rtt): Rtt {
  return rtt.tries === 0 ? rtt : { ...rtt, tries: 0, silence: 0 };
}

/**
 * How long to wait for an answer to what was just sent. After some quick tries, longer than the client's own timer:
 * many clients start that anew with every packet and repeat a lost ACK only when it runs out, so a server that goes on
 * sending would keep them from ever doing so (atftp). A slow client is not drowned either.
 */
export function patience(rtt: Rtt): number {
  return rtt.tries > QUICK_TRIES ? rtt.long : rtt.rto;
}

/**
 * A timeout passed in vain: the next quick one is twice as long (RFC 6298, 5.5).
 * @param waited its milliseconds
 */
export function backedOff(rtt: Rtt, waited: number): Rtt {
  const rto = rtt.tries < QUICK_TRIES ? Math.min(rtt.long, rtt.rto * 2) : rtt.rto;
  return { ...rtt, rto, tries: rtt.tries + 1, silence: rtt.silence + waited };
}
