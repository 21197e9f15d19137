import { udpBindFailure } from '../model/sockets/bind-failure.ts';

/** The error for a TFTP port that cannot be bound: which, why and what helps; `code` and `cause` are the system's. */
export function bindFailure(cause: unknown, address: string, port: number): Error & { readonly code: string } {
  return udpBindFailure('TFTP', cause, address, port, {
    denied: `set server.tftp.port to a port other than ${port}`,
    taken:
      ', most often by dnsmasq (enable-tftp), tftpd-hpa or atftpd: find the owner with ' +
      `"ss -lunp sport = :${port}" and stop it, or set server.tftp to another port or to false`,
  });
}
