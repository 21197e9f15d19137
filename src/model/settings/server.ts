/** The server's address and ports, as nodes reach it. */
export interface ServerIdentity {
  /** IPv4 address, dotted. */
  readonly address: string;
  /** The served network interface, which has the address. Absent if this machine does not have the address. */
  readonly interface?: string | undefined;
  /** The TCP port of HTTP. */
  readonly httpPort: number;
  /** The TCP port of NBD; undefined for the protocol's default. */
  readonly nbdPort?: number | undefined;
  /** The root of URLs if a proxy is in front of the server. */
  readonly url?: string | undefined;
}

/** The root of every URL that nodes are given: `http://192.0.2.10:8080`, without a slash at the end. */
export function baseUrl({ address, httpPort, url }: ServerIdentity): string {
  if (url !== undefined) return url;
  return `http://${address}${httpPort === 80 ? '' : `:${httpPort}`}`;
}
