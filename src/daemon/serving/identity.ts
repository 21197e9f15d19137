import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { deviceOf, type ServerSettings } from '../../model/settings/config.ts';
import type { ServerIdentities } from '../../model/settings/served-by.ts';
import type { ServerIdentity } from '../../model/settings/server.ts';

/** An IPv4 address of this machine. */
export interface OwnAddress {
  readonly address: string;
  /** The interface that has it, or the address's label such as `eth0:1`. */
  readonly interface: string;
  /** Whether it is a loopback address. */
  readonly internal: boolean;
}

function ownAddresses(): readonly OwnAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address, internal }) => ({ interface: name, address, internal })),
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

/** The names of the two settings in messages. */
interface SettingNames {
  readonly interface: string;
  readonly address: string;
}
const SETTING_NAMES: SettingNames = { interface: 'server.interface', address: 'server.address' };

type Place = Pick<ServerIdentity, 'address' | 'interface'>;

/** The configured address and its interface; no interface if a proxy in front has the address. */
function configuredPlace(
  { address, interface: name, ...settings }: ServerSettings & { readonly address: string },
  own: readonly OwnAddress[],
  names: SettingNames,
): Place {
  const loopback = address.startsWith('127.');
  const found = own.filter((each) => (loopback ? each.internal : each.address === address));
  const here = found.map((each) => deviceOf(each.interface));
  const bound = settings.dhcp.mode !== 'off' || settings.listen === 'served';
  if (bound && here.length === 0 && !loopback) {
    const known = own.filter(({ internal }) => !internal).map((each) => `${each.address} (${each.interface})`);
    throw new Error(
      `${names.address} ${address} is on no interface of this machine; it has ${known.join(', ') || 'none'}` +
        (settings.dhcp.mode === 'off'
          ? '; if it belongs to a proxy in front of this machine, set server.listen to any'
          : ''),
    );
  }
  if (name === undefined || here.length === 0 || here.includes(deviceOf(name))) {
    return { address, interface: name === undefined ? here[0] : deviceOf(name) };
  }
  throw new Error(`${names.address} ${address} is on ${here.join(', ')}, not on ${names.interface} ${name}`);
}

/**
 * Chooses the served address and interface: the configured address, else the first of the configured interface, else
 * the first of the default route's interface, else that of the only interface.
 * @param table the kernel's IPv4 routing table
 * @throws Error with the remedy if there is none, or if the address is not on this machine
 */
export function choosePlace(
  settings: ServerSettings,
  own: readonly OwnAddress[],
  table: string,
  names = SETTING_NAMES,
): Place {
  const { address, interface: wanted } = settings;
  if (address !== undefined) return configuredPlace({ ...settings, address }, own, names);
  const name = wanted ?? defaultRouteInterface(table);
  const candidates = own.filter((each) =>
    name === undefined ? !each.internal : each.interface === name || deviceOf(each.interface) === name,
  );
  const several = name === undefined && new Set(candidates.map((each) => each.interface)).size !== 1;
  const [first] = candidates;
  if (first && !several) return { address: first.address, interface: deviceOf(first.interface) };
  if (wanted !== undefined) throw new Error(`${names.interface} ${wanted} does not exist or has no IPv4 address`);
  throw new Error(
    `cannot tell which address to serve on: ${name === undefined ? 'there is no default route' : `${name} has no IPv4 address`}; set server.interface or server.address`,
  );
}

/**
 * The server's identity in each of its networks.
 * @param table the kernel's IPv4 routing table
 * @throws Error with the remedy; see {@link choosePlace}
 */
export function chooseIdentities(
  settings: ServerSettings,
  own: readonly OwnAddress[],
  table: string,
): ServerIdentities {
  const { port: httpPort, url } = settings.http === false ? { port: 0, url: undefined } : settings.http;
  const nbdPort = settings.nbd === false ? undefined : settings.nbd.port;
  const chosen = (settings.interfaces ?? []).map((each, index) => {
    const names = { interface: `server.interfaces[${index}]:`, address: `server.interfaces[${index}].address` };
    const place = choosePlace({ ...settings, ...each }, own, table, names);
    return { ...place, httpPort, nbdPort, url: each.url ?? url };
  });
  const twice = chosen.find(({ address }, index) => chosen.findIndex((each) => each.address === address) !== index);
  if (twice)
    throw new Error(
      `server.interfaces: two of them have the address ${twice.address}; give one of them another address`,
    );
  const [first, ...more] = chosen;
  return first ? [first, ...more] : [{ ...choosePlace(settings, own, table), httpPort, nbdPort, url }];
}

/**
 * The server's addresses, interfaces and ports, from its settings and from this machine.
 * @throws Error with the remedy; see {@link choosePlace}
 */
export function resolveIdentities(settings: ServerSettings): ServerIdentities {
  return chooseIdentities(settings, ownAddresses(), routingTable());
}

/** Milliseconds between checks of an interface. */
const LOOK_EVERY = 2000;

/** The kernel's number of an interface, new for each interface of the same name; undefined if there is none. */
function interfaceIndex(name: string): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${name}/ifindex`, 'latin1').trim();
  } catch {
    return undefined;
  }
}

/**
 * Calls `renewed` when an interface was removed and made again, as VLANs and bridges are: a socket bound to the old one
 * hears nothing any more.
 * @returns a function that ends the watch
 */
export function watchInterface(name: string, renewed: () => void): () => void {
  let known = interfaceIndex(name);
  const timer = setInterval(() => {
    const present = interfaceIndex(name);
    if (present === undefined || present === known) return;
    known = present;
    renewed();
  }, LOOK_EVERY).unref();
  return () => clearInterval(timer);
}
