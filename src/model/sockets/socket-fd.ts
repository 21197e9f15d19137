type Handle = { readonly fd?: number } | null | undefined;

function fdOf(handle: Handle): number | undefined {
  const { fd } = handle ?? {};
  return fd !== undefined && fd >= 0 ? fd : undefined;
}

/**
 * The file descriptor of a socket of `node:net`; undefined where it is closed, or the system has none. It is invalid
 * once the socket is closed: another file may have it then.
 */
export function tcpFd(socket: object): number | undefined {
  return fdOf((socket as { readonly _handle?: Handle })._handle);
}

/** The same of a socket of `node:dgram`, which has its handle in a state of its own and warns of `_handle`. */
export function udpFd(socket: object): number | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  if (symbol === undefined) return undefined;
  return fdOf((socket as Readonly<Record<symbol, { readonly handle?: Handle }>>)[symbol]?.handle);
}
