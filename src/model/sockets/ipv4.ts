const DOT = 0x2e;
const ZERO = 0x30;

/** Writes a dotted IPv4 address as four octets. It is called for each packet: hence not by split and Number. */
export function writeIpv4(target: Uint8Array, start: number, address: string): void {
  let at = start;
  let octet = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === DOT) {
      target[at++] = octet;
      octet = 0;
    } else octet = 10 * octet + code - ZERO;
  }
  target[at] = octet;
}
