import type { ServerIdentity } from './server.ts';

/** The identities of the server, one for each network that it serves; the first counts where nothing tells. */
export type ServerIdentities = readonly [ServerIdentity, ...ServerIdentity[]];

/** How a request reached the server. */
export interface Arrival {
  /** The IPv4 address of this machine that it was sent to, dotted. */
  readonly local?: string | undefined;
  /** `HOST` or `HOST:PORT`, as the client named the server (RFC 9110 section 7.2). */
  readonly host?: string | undefined;
}

/** Whether a client that names the server so uses this identity's URL. */
function isNamed({ url }: ServerIdentity, asked: string): boolean {
  if (url === undefined) return false;
  const { host, hostname, port, protocol } = new URL(url);
  return asked === host || asked === `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
}

/**
 * The identity that answers a request: of those whose URL the client used, which a proxy of this machine may have
 * passed on, else of all, the one with the address that the request came to; else the one with the address that the
 * client used, as through a proxy; else the first.
 */
export function servedBy(servers: ServerIdentities, { local, host }: Arrival = {}): ServerIdentity {
  const [first] = servers;
  if (servers.length === 1) return first;
  const asked = host?.toLowerCase();
  const named = asked === undefined ? [] : servers.filter((server) => isNamed(server, asked));
  const candidates = named.length > 0 ? named : servers;
  const name = asked?.replace(/:\d*$/, '');
  return (
    candidates.find(({ address }) => address === local) ??
    candidates.find(({ address }) => address === name) ??
    candidates[0] ??
    first
  );
}
