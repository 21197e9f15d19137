import { describe, expect, it } from 'vitest';
import { configOf, problemsOf } from './read.ts';

describe('the interfaces of several networks', () => {
  it('are names, or mappings with an address and a URL', () => {
    const { server } = configOf(
      'server: { interfaces: [eth0, { interface: eth1, address: 192.0.2.10, url: "http://boot.example.net/" }] }',
    );
    expect(server.interfaces).toEqual([
      { interface: 'eth0', address: undefined, url: undefined },
      { interface: 'eth1', address: '192.0.2.10', url: 'http://boot.example.net' },
    ]);
    expect(configOf('').server.interfaces).toBeUndefined();
  });

  it.each<[string, readonly string[]]>([
    [
      'server:\n  interface: eth0\n  interfaces: [eth0, eth1]',
      [
        '2:3: server.interface contradicts server.interfaces, at slipway.yaml:3:15: move it into the list, or remove the list',
      ],
    ],
    [
      'server:\n  interfaces: [eth0, eth1]\n  address: 192.0.2.10',
      [
        '3:3: server.address contradicts server.interfaces, at slipway.yaml:2:15: move it into the list, or remove the list',
      ],
    ],
    [
      'server: { interfaces: [eth0, { interface: "eth0:1" }] }',
      [
        '1:43: server.interfaces[1].interface: interface eth0 is listed already, at slipway.yaml:1:24: remove one of the two',
      ],
    ],
    [
      'server: { interfaces: [{ interface: a, address: 192.0.2.1 }, { interface: b, address: 192.0.2.1 }] }',
      [
        '1:87: server.interfaces[1].address: address 192.0.2.1 is listed already, at slipway.yaml:1:49: remove one of the two',
      ],
    ],
    [
      'server: { interfaces: [] }',
      [
        '1:23: server.interfaces: expected a list of 1 to 32 network interfaces, such as [eth0, eth1], found an empty list',
      ],
    ],
    [
      'server: { interfaces: eth0 }',
      ['1:23: server.interfaces: expected a list of 1 to 32 network interfaces, such as [eth0, eth1], found "eth0"'],
    ],
    [
      'server: { interfaces: [a/b, 7, { address: 192.0.2.1 }, { interface: b, address: 192.0.2.256, port: 1 }] }',
      [
        '1:24: server.interfaces[0]: expected the name of a network interface, up to 15 characters, found "a/b"',
        '1:29: server.interfaces[1]: expected the name of a network interface, or a mapping such as { interface: eth1, address: 192.0.2.10 }, found 7',
        '1:32: server.interfaces[2].interface is missing: expected the name of a network interface, up to 15 characters',
        '1:81: server.interfaces[3].address: expected the IPv4 address of this server, such as 192.0.2.10, found "192.0.2.256"',
        '1:94: unknown key "port" in server.interfaces[3]: expected one of interface, address, url',
      ],
    ],
  ])('%j is told with its place and remedy', (yaml, problems) => {
    expect(problemsOf(yaml)).toEqual(problems);
  });
});
