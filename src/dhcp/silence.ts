/** Why a packet is not answered. */
export type SilenceReason =
  /** Shorter than a BOOTP header and its cookie. */
  | 'too-short'
  /** Without the DHCP magic cookie: plain BOOTP, or no DHCP at all. */
  | 'no-cookie'
  /** Options that do not add up, so that what is needed is missing. */
  | 'malformed'
  /** A reply, or neither request nor reply. */
  | 'not-a-request'
  /** Hardware addresses of a length that nothing that boots has. */
  | 'hardware'
  /** Sent by, or to be sent to, an address that no client or relay has. */
  | 'address'
  /** Not the message that this port answers. */
  | 'message-type'
  /** No network boot: neither PXEClient nor HTTPClient. */
  | 'vendor-class'
  /** An architecture that is missing or has no boot program. */
  | 'architecture'
  /** Meant for another server (option 54). */
  | 'other-server'
  /** Wants boot integrity services (PXE 2.1 section 2.4.4, layer bit 15), which nobody has. */
  | 'bis'
  /** This machine asks more often than any firmware does. */
  | 'too-often'
  /** The configuration leaves this machine alone. */
  | 'ignored'
  /** Its firmware needs TFTP, which is off. */
  | 'tftp-off'
  /** Its firmware needs HTTP, which is off. */
  | 'http-off'
  /** There is no boot program for its firmware. */
  | 'no-boot-file'
  /** The answer is longer than the client takes. */
  | 'too-long';

/** A packet that gets no answer. Not an error: most of what a network broadcasts is for others. */
export interface Silence {
  readonly silent: true;
  readonly reason: SilenceReason;
  /** May hold what the network sent: whoever prints it escapes it. At most a few dozen characters. */
  readonly detail?: string;
}

/** Says nothing, and why. */
export function silence(reason: SilenceReason, detail?: string): Silence {
  return detail === undefined ? { silent: true, reason } : { silent: true, reason, detail };
}
