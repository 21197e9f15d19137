const REMEDIES: Readonly<Record<string, (place: string, port: number) => string>> = {
  EACCES: (place, port) =>
    `no permission to open ${place}: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE ` +
    `(systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE); or set server.tftp.port to a port other than ${port}`,
  EADDRINUSE: (place, port) =>
    `${place} is in use, most often by dnsmasq (enable-tftp), tftpd-hpa or atftpd: find the owner with ` +
    `"ss -lunp sport = :${port}" and stop it, or set server.tftp to another port or to false`,
  EADDRNOTAVAIL: (place) =>
    `${place} cannot be opened: no interface of this machine has that address; correct server.address or server.interface`,
};

/** The error for a TFTP port that cannot be bound: which, why and what helps; `code` and `cause` are the system's. */
export function bindFailure(cause: unknown, address: string, port: number): Error & { readonly code: string } {
  const code = String((cause as { code?: unknown } | null)?.code ?? 'UNKNOWN');
  const place = `UDP port ${port} of ${address}`;
  const remedy = REMEDIES[code]?.(place, port) ?? `cannot open ${place}: ${String(cause)}`;
  return Object.assign(new Error(`TFTP: ${remedy}`, { cause }), { code });
}
