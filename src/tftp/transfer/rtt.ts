/** Round trips of one peer, and the wait for its next answer. Milliseconds throughout. */
export interface Rtt {
  /** Smoothed round trip; undefined before the first measurement. */
  readonly srtt: number | undefined;
  /** Its variation. */
  readonly rttvar: number;
  /** The retransmission timeout that follows from both. */
  readonly rto: number;
  /** The wait after the quick retransmissions. */
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
/** A longer round trip shows one pause, not the peer's pace. */
const MAX_SAMPLE = 250;
/** The client's own timer where it names none, in seconds: atftp and U-Boot wait 5, edk2 4, others less. */
const CLIENT_TIMEOUT = 5;
/** The longest timer of a client, in seconds, that is waited for. */
const MAX_CLIENT_TIMEOUT = 30;
/** Added to the client's timer for a long wait, so that the client's runs out first. */
const MARGIN = 500;

/**
 * A peer not measured yet.
 * @param timeout the client's `timeout` option in seconds (RFC 2349)
 */
export function unmeasured(timeout: number | undefined): Rtt {
  const long = Math.min(timeout ?? CLIENT_TIMEOUT, MAX_CLIENT_TIMEOUT) * 1000 + MARGIN;
  return { srtt: undefined, rttvar: 0, rto: INITIAL_RTO, long, tries: 0, silence: 0 };
}

/** With one more round trip measured (RFC 6298 section 2). */
function measured(rtt: Rtt, sample: number): Rtt {
  const srtt = rtt.srtt === undefined ? sample : 0.875 * rtt.srtt + 0.125 * sample;
  const rttvar = rtt.srtt === undefined ? sample / 2 : 0.75 * rtt.rttvar + 0.25 * Math.abs(rtt.srtt - sample);
  const rto = Math.min(rtt.long, Math.max(FLOOR, srtt + Math.max(GRANULARITY, 4 * rttvar)));
  return { srtt, rttvar, rto, long: rtt.long, tries: 0, silence: 0 };
}

/**
 * The peer made progress. Which copy of a repeated packet it answers cannot be told (RFC 6298 section 3), but guessed:
 * an answer as quick as usual is one to the last copy, and a packet was lost; a later one is an answer to the first
 * copy, and the peer has become slow. Without the guess, a doubled timeout would stay until a packet that was sent once
 * is answered, which on a bad network is never.
 * @param once whether it answers something that was sent once
 * @param sinceLast milliseconds since it was sent last
 * @param sinceFirst milliseconds since it was sent first
 */
export function onAck(rtt: Rtt, once: boolean, sinceLast: number, sinceFirst: number): Rtt {
  if (once) return measured(rtt, sinceLast);
  if (rtt.tries === 0) return rtt;
  if (rtt.srtt === undefined) return { ...rtt, tries: 0, silence: 0 };
  const usual = sinceLast <= rtt.srtt + 4 * rtt.rttvar;
  return measured(rtt, usual ? sinceLast : Math.min(MAX_SAMPLE, sinceFirst));
}

/**
 * The wait for an answer: a few times doubled (RFC 6298, 5.5), then longer than the client's own timer. Many clients
 * start that anew with every packet and repeat a lost ACK only when it runs out, so a server that goes on sending would
 * keep them from ever doing so (atftp). A slow client is not drowned either.
 */
export function patience(rtt: Rtt): number {
  return rtt.tries > QUICK_TRIES ? rtt.long : Math.min(rtt.long, rtt.rto * 2 ** rtt.tries);
}

/** The peer repeats its request: it waits for an answer as it did at first. */
export function asked(rtt: Rtt): Rtt {
  return { ...rtt, tries: 0 };
}

/**
 * A timeout passed in vain.
 * @param waited its milliseconds
 */
export function onTimeout(rtt: Rtt, waited: number): Rtt {
  return { ...rtt, tries: rtt.tries + 1, silence: rtt.silence + waited };
}
