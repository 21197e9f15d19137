/** The reason why a packet is not answered. */
export type SilenceReason =
  /** Shorter than a BOOTP header and its cookie. */
  | 'too-short'
  /** Without the DHCP magic cookie: plain BOOTP, or no DHCP at all. */
  | 'no-cookie'
  /** Malformed options, so that a needed one is missing. */
  | 'malformed'
  /** A reply, or neither request nor reply. */
  | 'not-a-request'
  /** A hardware address of a length that no network card for booting has. */
  | 'hardware'
  /** Sent by, or to be sent to, an address that no client or relay has. */
  | 'address'
  /** A message type that this port does not answer. */
  | 'message-type'
  /** No network boot: neither PXEClient nor HTTPClient. */
  | 'vendor-class'
  /** An architecture that is missing or has no boot program. */
  | 'architecture'
  /** Meant for another server (option 54). */
  | 'other-server'
  /** A request for boot integrity services (PXE 2.1 section 2.4.4, layer bit 15), which no server has. */
  | 'bis'
  /** The machine asks more often than any firmware does. */
  | 'too-often'
  /** The configuration has the machine ignored. */
  | 'ignored'
  /** Its firmware needs TFTP, which is off. */
  | 'tftp-off'
  /** Its firmware needs HTTP, which is off. */
  | 'http-off'
  /** There is no boot program for its firmware. */
  | 'no-boot-file'
  /** The answer is longer than the client takes. */
  | 'too-long';

/** A packet that gets no answer. Not an error: most broadcasts of a network are for other servers. */
export interface Silence {
  readonly silent: true;
  readonly reason: SilenceReason;
  /** May hold bytes from the network: escape it when printing. At most a few dozen characters. */
  readonly detail?: string;
}

export function silence(reason: SilenceReason, detail?: string): Silence {
  return detail === undefined ? { silent: true, reason } : { silent: true, reason, detail };
}
