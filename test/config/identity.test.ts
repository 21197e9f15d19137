import { describe, expect, it } from 'vitest';
import { chooseIdentities, choosePlace, type OwnAddress } from '../../src/daemon/serving/identity.ts';
import type { ServerSettings } from '../../src/model/settings/config.ts';
import { aConfig } from '../support/config.ts';

const OWN: readonly OwnAddress[] = [
  { address: '127.0.0.1', interface: 'lo', internal: true },
  { address: '192.0.2.10', interface: 'eth0', internal: false },
  { address: '192.0.2.11', interface: 'eth0:1', internal: false },
  { address: '198.51.100.10', interface: 'eth1', internal: false },
];
const ROUTES = `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000
eth1\t00000000\t016433C6\t0003\t0\t0\t50\t00000000
eth1\t006433C6\t00000000\t0001\t0\t0\t0\t00FFFFFF
`;

const place = (settings: Partial<ServerSettings>, own = OWN, routes = ROUTES) =>
  choosePlace({ ...aConfig().server, address: undefined, ...settings }, own, routes);

describe('what is served', () => {
  it.each<[string, Partial<ServerSettings>, string, string]>([
    ['the first address of the interface', { interface: 'eth0' }, 'eth0', '192.0.2.10'],
    ['the address of a label, by its device', { interface: 'eth0:1' }, 'eth0', '192.0.2.11'],
    ['the interface of the default route of the lowest metric', {}, 'eth1', '198.51.100.10'],
    ['the interface that has the address', { address: '192.0.2.11' }, 'eth0', '192.0.2.11'],
    ['both', { interface: 'eth1', address: '198.51.100.10' }, 'eth1', '198.51.100.10'],
    ['loopback', { address: '127.0.0.5' }, 'lo', '127.0.0.5'],
  ])('is %s', (_, settings, name, address) => {
    expect(place(settings)).toEqual({ interface: name, address });
  });

  it('is the only interface where there is no default route, and cannot be told where there are several', () => {
    expect(place({}, OWN.slice(0, 2), '')).toEqual({ interface: 'eth0', address: '192.0.2.10' });
    expect(() => place({}, OWN, '')).toThrow('there is no default route; set server.interface or server.address');
    expect(() => place({ interface: 'eth7' })).toThrow('server.interface eth7 does not exist or has no IPv4 address');
  });

  it('is never an address that another interface has', () => {
    expect(() => place({ interface: 'eth1', address: '192.0.2.10' })).toThrow(
      'server.address 192.0.2.10 is on eth0, not on server.interface eth1',
    );
  });

  it('may be an address of something in front where nothing listens on it', () => {
    const elsewhere: Partial<ServerSettings> = { address: '203.0.113.1', dhcp: { mode: 'off' } };
    expect(place({ ...elsewhere, listen: 'any' })).toEqual({ address: '203.0.113.1', interface: undefined });
    expect(() => place(elsewhere)).toThrow(/on no interface of this machine.*set server.listen to any/);
    expect(() => place({ address: '203.0.113.1', listen: 'any' })).toThrow(/on no interface of this machine/);
  });
});

describe('what is served in several networks', () => {
  const identities = (...interfaces: readonly (readonly [name: string, address?: string, url?: string])[]) => {
    const list = interfaces.map(([name, address, url]) => ({ interface: name, address, url }));
    const { server } = aConfig();
    const http = server.http && { ...server.http, url: 'http://boot' };
    return chooseIdentities({ ...server, address: undefined, http, interfaces: list }, OWN, ROUTES);
  };

  it('is an address and a URL of each, in the order of the list', () => {
    const ports = { httpPort: 8080, nbdPort: 10809 };
    expect(identities(['eth1'], ['eth0', '192.0.2.11', 'http://proxy'])).toEqual([
      { interface: 'eth1', address: '198.51.100.10', url: 'http://boot', ...ports },
      { interface: 'eth0', address: '192.0.2.11', url: 'http://proxy', ...ports },
    ]);
  });

  it('is none where one of them has no such interface or address, and which is told', () => {
    expect(() => identities(['eth0'], ['eth7'])).toThrow(
      'server.interfaces[1]: eth7 does not exist or has no IPv4 address',
    );
    expect(() => identities(['eth0'], ['eth1', '203.0.113.1'])).toThrow(
      'server.interfaces[1].address 203.0.113.1 is on no interface of this machine',
    );
    expect(() => identities(['eth0'], ['eth1', '192.0.2.11'])).toThrow(
      'server.interfaces[1].address 192.0.2.11 is on eth0, not on server.interfaces[1]: eth1',
    );
    expect(() => identities(['eth0'], ['eth0:1', '192.0.2.10'])).toThrow(
      'server.interfaces: two of them have the address 192.0.2.10; give one of them another address',
    );
  });
});
