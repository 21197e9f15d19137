/** Who the server is on the network, as nodes are told. */
export interface ServerIdentity {
  /** IPv4 address, dotted. */
  readonly address: string;
  /** The network interface that is served: it has the address. Absent where this machine does not have it. */
  readonly interface?: string | undefined;
  /** The TCP port of HTTP. */
  readonly httpPort: number;
  /** The TCP port of NBD, where it is not the protocol's own. */
  readonly nbdPort?: number | undefined;
  /** The root of URLs where something stands in front of the server. */
  readonly url?: string | undefined;
}

/** The root of every URL that nodes are given: `http://192.0.2.10:8080`, without a slash at the end. */
export function baseUrl({ address, httpPort, url }: ServerIdentity): string {
  if (url !== undefined) return url;
  return `http://${address}${httpPort === 80 ? '' : `:${httpPort}`}`;
}
