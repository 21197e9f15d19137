const REMEDIES: Readonly<Record<string, (place: string, port: number) => string>> = {
  EACCES: (place) =>
    `no permission to open ${place}: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE ` +
    '(systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE); or set server.dhcp.mode to off',
  EADDRINUSE: (place, port) =>
    `${place} is in use by another program, most often another proxyDHCP server such as dnsmasq with pxe-service: ` +
    `find it with "ss -lunp sport = :${port}" and stop it, or set server.dhcp.mode to off`,
  EADDRNOTAVAIL: (place) =>
    `${place} cannot be opened: no interface of this machine has that address; correct server.address or server.interface`,
};

/** The error for a port that cannot be bound: which, why and what helps; `code` and `cause` are the system's. */
export function bindFailure(cause: unknown, address: string, port: number): Error & { readonly code: string } {
  const code = String((cause as { code?: unknown } | null)?.code ?? 'UNKNOWN');
  const place = `UDP port ${port} of ${address}`;
  const remedy = REMEDIES[code]?.(place, port) ?? `cannot open ${place}: ${String(cause)}`;
  return Object.assign(new Error(`DHCP: ${remedy}`, { cause }), { code });
}

/** What to do where another DHCP server keeps port 67 to itself. */
export const PORT_67_TAKEN =
  'another DHCP server of this host keeps UDP port 67 to itself: only port 4011 is served. ' +
  'Either let it share the port (dnsmasq: bind-interfaces; then start this server again), ' +
  'or let it send clients here (dnsmasq: dhcp-option=60,PXEClient; others: option 60 with the value PXEClient)';
