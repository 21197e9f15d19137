import { describe, expect, it } from 'vitest';
import { bySpecificity, type Criteria, canBoth, globMatches, mismatch } from '../../src/model/machine/criteria.ts';
import { factsOfFirmware, factsOfQuery, factValue, IPXE_QUERY } from '../../src/model/machine/facts.ts';

const criteria = (facts: Criteria['facts'], labels: Criteria['labels'] = {}): Criteria => ({ facts, labels });

describe('a glob', () => {
  it.each([
    ['Dell*', 'Dell Inc.', true],
    ['dell*', 'DELL', true],
    ['*', '', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*x*y', 'axbxcy', true],
    ['*x*y', 'axbxcyz', false],
    ['', '', true],
    ['[a]', 'a', false],
  ])('%s and %s: %s', (pattern, text, expected) => expect(globMatches(pattern, text)).toBe(expected));

  it('with many stars ends soon', () => {
    expect(globMatches(`${'*a'.repeat(50)}b`, 'a'.repeat(128))).toBe(false);
  });
});

describe('criteria', () => {
  const facts = { manufacturer: 'Dell Inc.', product: 'PowerEdge R650', firmware: 'bios' };

  it('need all that they name, and of a list one', () => {
    expect(mismatch(criteria({ manufacturer: ['HPE', 'Dell*'], product: ['*R650'] }), facts)).toBeUndefined();
    expect(mismatch(criteria({ manufacturer: ['Dell*'], product: ['*R750'] }), facts)).toMatchObject({
      what: 'product',
      wanted: ['*R750'],
      found: 'PowerEdge R650',
      unknown: false,
    });
  });

  it('tell what is not known, but what is wrong first', () => {
    expect(mismatch(criteria({ serial: ['X1'], firmware: ['bios'] }), facts)).toMatchObject({
      what: 'serial',
      unknown: true,
    });
    expect(mismatch(criteria({ serial: ['X1'], firmware: ['uefi-*'] }), facts)).toMatchObject({
      what: 'firmware',
      unknown: false,
    });
  });

  it('read labels of the node', () => {
    const wanted = criteria({}, { rack: ['r1', 'r2'] });
    expect(mismatch(wanted, facts, { rack: 'r2' })).toBeUndefined();
    expect(mismatch(wanted, facts, { rack: 'r3' })).toMatchObject({ what: 'labels.rack', unknown: false });
    expect(mismatch(wanted, facts)).toMatchObject({ what: 'labels.rack', found: undefined, unknown: false });
  });

  it('are more specific by the first fact in which they differ', () => {
    const ordered = [
      criteria({ mac: ['52:54:00:00:00:01'] }),
      criteria({ mac: ['52:54:*'] }),
      criteria({ uuid: ['u'] }),
      criteria({ serial: ['s'], arch: ['arm64'] }),
      criteria({ serial: ['s'] }),
      criteria({ relay: ['10.2.0.1'] }),
      criteria({}, { rack: ['r1'], role: ['db'] }),
      criteria({}, { rack: ['r1'] }),
      criteria({ nic: ['8086:15f3'] }),
      criteria({ product: ['R650'] }),
      criteria({ product: ['R*'] }),
      criteria({ manufacturer: ['Dell Inc.'] }),
      criteria({ firmware: ['bios'] }),
      criteria({ arch: ['x86_64'] }),
      criteria({}),
    ];
    expect(ordered.toReversed().sort(bySpecificity)).toEqual(ordered);
  });

  it('overlap where one machine can be both', () => {
    expect(canBoth(criteria({ product: ['R650'] }), criteria({ product: ['R*'] }))).toBe(true);
    expect(canBoth(criteria({ product: ['R650'] }), criteria({ product: ['R750'] }))).toBe(false);
    expect(canBoth(criteria({ product: ['R650'] }), criteria({ serial: ['s'] }))).toBe(true);
    expect(canBoth(criteria({}, { rack: ['a'] }), criteria({}, { rack: ['b'] }))).toBe(false);
  });
});

describe('facts', () => {
  it('are not what firmware writes where nobody has set a value', () => {
    const unset = ['', ' ', 'To Be Filled By O.E.M.', 'Default string', 'Not Specified', '0', '0000'];
    for (const text of [...unset, '00000000-0000-0000-0000-000000000000', 'x'.repeat(129), undefined, null]) {
      expect(factValue(text)).toBeUndefined();
    }
    expect(factValue(' 5CG1\u0007234 ')).toBe('5CG1234');
  });

  it('of a request for a script come from its parameters', () => {
    const query =
      'uuid=4C4C&serial=5CG%201&busid=01808615f3&platform=efi&buildarch=arm64&switch=tor1&switch_port=Eth1%2F7';
    expect(factsOfQuery(new URLSearchParams(query))).toEqual({
      uuid: '4C4C',
      serial: '5CG 1',
      nic: '8086:15f3',
      firmware: 'uefi',
      arch: 'arm64',
      switch: 'tor1',
      switch_port: 'Eth1/7',
    });
    expect(factsOfQuery(new URLSearchParams('platform=pcbios&buildarch=i386&busid=0700000000'))).toEqual({
      firmware: 'bios',
      arch: 'x86_64',
    });
    expect(factsOfQuery(new URLSearchParams('explain'))).toBeUndefined();
  });

  it('are asked of iPXE by settings that it has', () => {
    expect(IPXE_QUERY).toMatch(/^\?uuid=\$\{uuid\}&serial=\$\{serial:uristring\}&/);
  });

  it('of firmware are told by option 93', () => {
    expect(factsOfFirmware('bios', 'tftp')).toEqual({ arch: 'x86_64', firmware: 'bios' });
    expect(factsOfFirmware('efi-x64', 'http')).toEqual({ arch: 'x86_64', firmware: 'uefi-http' });
    expect(factsOfFirmware('efi-ia32', 'tftp')).toEqual({ arch: 'i386', firmware: 'uefi-pxe' });
    expect(factsOfFirmware('efi-arm64', 'tftp')).toEqual({ arch: 'arm64', firmware: 'uefi-pxe' });
  });
});
