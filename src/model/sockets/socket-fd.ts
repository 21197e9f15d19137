type Handle = { readonly fd?: number } | null | undefined;

const descriptorIn = (handle: Handle): number | undefined => {
  const { fd } = handle ?? {};
  return fd !== undefined && fd >= 0 ? fd : undefined;
};

/**
 * The descriptor of a connection of `node:net`; undefined where it is closed, or the system has none. To be forgotten when
 * the socket is closed: another file may have it then.
 */
export function descriptorOfConnection(socket: object): number | undefined {
  return descriptorIn((socket as { readonly _handle?: Handle })._handle);
}

/** The same of a socket of `node:dgram`, which has its handle in a state of its own and warns of `_handle`. */
export function descriptorOf(socket: object): number | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  if (symbol === undefined) return undefined;
  return descriptorIn((socket as Readonly<Record<symbol, { readonly handle?: Handle }>>)[symbol]?.handle);
}
