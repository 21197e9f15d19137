import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { ServerSettings } from './model/config.ts';
import type { ServerIdentity } from './model/server.ts';

/** IPv4 addresses of one interface, or of all but loopback. */
function addresses(name?: string): readonly { interface: string; address: string }[] {
  return Object.entries(networkInterfaces()).flatMap(([each, list]) =>
    name === undefined || each === name
      ? (list ?? [])
          .filter(({ family, internal }) => family === 'IPv4' && (name !== undefined || !internal))
          .map(({ address }) => ({ interface: each, address }))
      : [],
  );
}

/** The interface of the default route with the lowest metric, from the kernel's IPv4 routing table. */
export function defaultRouteInterface(table: string): string | undefined {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}

function routingTable(): string {
  try {
    return readFileSync('/proc/net/route', 'utf8');
  } catch {
    return '';
  }
}

/**
 * Finds out which address nodes are told: the configured one, else the first of the configured interface, else the
 * first of the default route's, else that of the only interface there is.
 * @throws Error with the remedy where that leaves none, or where the address is not on this machine
 */
export function resolveIdentity(settings: ServerSettings): ServerIdentity {
  const nbdPort = settings.nbd === false ? undefined : settings.nbd.port;
  const { port: httpPort, url } = settings.http === false ? { port: 0, url: undefined } : settings.http;
  if (settings.address !== undefined) {
    const bound = settings.dhcp.mode !== 'off' || settings.tftp !== false;
    const { address } = settings;
    if (bound && !addresses().some((each) => each.address === address) && !address.startsWith('127.')) {
      const known = addresses().map((each) => `${each.address} (${each.interface})`);
      throw new Error(
        `server.address ${address} is on no interface of this machine; it has ${known.join(', ') || 'none'}`,
      );
    }
    return { address, httpPort, nbdPort, url };
  }
  const name = settings.interface ?? defaultRouteInterface(routingTable());
  const candidates = addresses(name);
  const only = name === undefined && new Set(candidates.map((each) => each.interface)).size !== 1;
  const first = candidates[0];
  if (first && !only) return { address: first.address, httpPort, nbdPort, url };
  if (settings.interface !== undefined) {
    throw new Error(`server.interface ${settings.interface} does not exist or has no IPv4 address`);
  }
  throw new Error(
    `cannot tell which address to serve on: ${name === undefined ? 'there is no default route' : `${name} has no IPv4 address`}; set server.interface or server.address`,
  );
}
