/** What helps where a service's port is not to be had, as the second half of a sentence. */
export interface BindRemedies {
  /** Instead of the privilege that is missing. */
  readonly denied: string;
  /** Who has the port as a rule, and how to find and avoid them: follows "… is in use". */
  readonly taken: string;
}

/** The error for a UDP port that cannot be bound: which, why and what helps; `code` and `cause` are the system's. */
export function udpBindFailure(
  service: string,
  cause: unknown,
  address: string,
  port: number,
  { denied, taken }: BindRemedies,
): Error & { readonly code: string } {
  const code = String((cause as { code?: unknown } | null)?.code ?? 'UNKNOWN');
  const place = `UDP port ${port} of ${address}`;
  const messages: Readonly<Record<string, string>> = {
    EACCES:
      `no permission to open ${place}: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE ` +
      `(systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE); or ${denied}`,
    EADDRINUSE: `${place} is in use${taken}`,
    EADDRNOTAVAIL: `${place} cannot be opened: no interface of this machine has that address; correct server.address or server.interface`,
  };
  const message = messages[code] ?? `cannot open ${place}: ${String(cause)}`;
  return Object.assign(new Error(`${service}: ${message}`, { cause }), { code });
}
