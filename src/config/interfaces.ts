import { z } from 'zod';
import { mapping, text } from '../model/boot/yaml-shapes.ts';
import { deviceOf, type ServedInterface } from '../model/settings/config.ts';
import type { Finding } from './check/issues.ts';
import { formatPath, type Path } from './check/wording.ts';

function isIpv4(text: string): boolean {
  const octets = text.split('.');
  const first = Number(octets[0]);
  return (
    octets.length === 4 &&
    octets.every((o) => /^(?:0|[1-9]\d{0,2})$/.test(o) && Number(o) < 256) &&
    first > 0 &&
    first < 224
  );
}

export const interfaceName = text(/^[^\s/]{1,15}$/, 'the name of a network interface, up to 15 characters');

export const serverAddress = z.string({ error: 'the IPv4 address of this server, such as 192.0.2.10' }).refine(isIpv4);

export const serverUrl = text(
  /^https?:\/\/[A-Za-z0-9.-]+(?::[0-9]{1,5})?\/?$/,
  'a URL without a path, such as http://boot.example.net',
);

const item = z.union(
  [
    interfaceName,
    mapping({
      interface: interfaceName.describe('The name of the interface.'),
      address: serverAddress.optional().describe("Default: the interface's first IPv4 address."),
      url: serverUrl.optional().describe("The URL that this network's nodes get. Default: that of http."),
    }),
  ],
  { error: 'the name of a network interface, or a mapping such as { interface: eth1, address: 192.0.2.10 }' },
);

/** The most networks that one daemon serves. */
const MOST = 32;

/** `server.interfaces`. */
export const servedInterfaces = z
  .array(item, { error: `a list of 1 to ${MOST} network interfaces, such as [eth0, eth1]` })
  .min(1)
  .max(MOST)
  .optional()
  .describe('Several interfaces to serve, each with its own address, in place of interface and address.');

/** The interfaces of a valid list. */
export function toInterfaces(items: readonly z.infer<typeof item>[]): readonly ServedInterface[] {
  return items.map((each) => {
    const { interface: name, address, url } = typeof each === 'string' ? { interface: each } : each;
    return { interface: name, address, url: url?.replace(/\/$/, '') };
  });
}

/**
 * Interfaces that are named in two ways, and interfaces or addresses that are listed twice.
 * @param server the section as it is in the file
 * @param where names a place for a message
 */
export function checkInterfaces(
  server: Readonly<Record<string, unknown>>,
  where: (path: Path) => string,
): readonly Finding[] {
  const { interfaces } = server;
  if (!Array.isArray(interfaces)) return [];
  const list = ['server', 'interfaces'];
  const findings: Finding[] = [];
  for (const key of ['interface', 'address']) {
    if (server[key] === undefined) continue;
    const path = ['server', key];
    const message = `${formatPath(path)} contradicts server.interfaces, at ${where(list)}: move it into the list, or remove the list`;
    findings.push({ path, target: 'key', message });
  }
  const known = new Map<string, Path>();
  const note = (value: unknown, path: Path, what: string) => {
    if (typeof value !== 'string') return;
    const before = known.get(value);
    if (before) {
      const message = `${formatPath(path)}: ${what} ${value} is listed already, at ${where(before)}: remove one of the two`;
      findings.push({ path, target: 'value', message });
    } else known.set(value, path);
  };
  for (const [index, each] of interfaces.entries()) {
    const path = [...list, index];
    if (typeof each === 'string') note(deviceOf(each), path, 'interface');
    else if (typeof each === 'object' && each !== null) {
      const { interface: name, address } = each as Readonly<Record<string, unknown>>;
      note(typeof name === 'string' ? deviceOf(name) : name, [...path, 'interface'], 'interface');
      note(address, [...path, 'address'], 'address');
    }
  }
  return findings;
}
