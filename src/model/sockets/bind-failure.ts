/** A port that a service is to listen on, for the message where it cannot. */
export interface ListenPort {
  /** As messages begin: `TFTP`. */
  readonly service: string;
  readonly protocol: 'TCP' | 'UDP';
  /** IPv4 address, dotted. */
  readonly address: string;
  readonly port: number;
  /** The setting that helps, as an order: `set server.tftp.port to another port`. */
  readonly remedy: string;
  /** Programs that often have the port. */
  readonly usualOwners?: string;
}

/** The error for a port that cannot be bound: which, why and what helps; `code` and `cause` are the system's. */
export function bindFailure(cause: unknown, listen: ListenPort): Error & { readonly code: string } {
  const { service, protocol, address, port, remedy, usualOwners } = listen;
  const code = String((cause as { code?: unknown } | null)?.code ?? 'UNKNOWN');
  // Several UDP servers of one host may each have an address of their own.
  const name = `${protocol} port ${port}${protocol === 'UDP' ? ` of ${address}` : ''}`;
  const owners = usualOwners === undefined ? '' : `, most often ${usualOwners}`;
  const list = `ss -l${protocol === 'UDP' ? 'u' : 't'}np sport = :${port}`;
  const messages: Readonly<Record<string, string>> = {
    EACCES:
      `no permission to open ${name}: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE ` +
      `(systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE); or ${remedy}`,
    EADDRINUSE: `${name} is in use by another program${owners}: find it with "${list}" and stop it, or ${remedy}`,
    EADDRNOTAVAIL:
      `cannot open ${name}: no interface of this machine has the address ${address}; ` +
      'correct server.address or server.interface',
  };
  const message = messages[code] ?? `cannot open ${name}: ${String(cause)}`;
  return Object.assign(new Error(`${service}: ${message}`, { cause }), { code });
}
