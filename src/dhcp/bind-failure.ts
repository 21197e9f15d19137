import { udpBindFailure } from '../model/sockets/bind-failure.ts';

/** The error for a port that cannot be bound: which, why and what helps; `code` and `cause` are the system's. */
export function bindFailure(cause: unknown, address: string, port: number): Error & { readonly code: string } {
  return udpBindFailure('DHCP', cause, address, port, {
    denied: 'set server.dhcp.mode to off',
    taken:
      ' by another program, most often another proxyDHCP server such as dnsmasq with pxe-service: ' +
      `find it with "ss -lunp sport = :${port}" and stop it, or set server.dhcp.mode to off`,
  });
}

/**
 * Said at the start: dnsmasq without `bind-interfaces` and Kea set neither SO_REUSEADDR nor SO_REUSEPORT, and Linux lets
 * two sockets have a UDP port only where both set one (net/ipv4/udp.c). No option of this server's helps them then.
 */
export const PORT_67_HELD =
  'UDP port 67 is shared with DHCP servers of this host that share it too (dnsmasq with bind-interfaces, ISC dhcpd); ' +
  'any other (dnsmasq without bind-interfaces, Kea) can be started only before this server: see After= in its unit';

/** What to do where another DHCP server keeps port 67 to itself. */
export const PORT_67_TAKEN =
  'another DHCP server of this host keeps UDP port 67 to itself: only port 4011 is served. ' +
  'Either let it share the port (dnsmasq: bind-interfaces; then start this server again), ' +
  'or let it send clients here (dnsmasq: dhcp-option=60,PXEClient; others: option 60 with the value PXEClient)';
