import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeOptions, encodeOptions } from '../../src/dhcp/codec/options.ts';
import { decodePacket, encodePacket, type Packet } from '../../src/dhcp/codec/packet.ts';
import { aPacket, ascii, capturedRequests, hex } from '../support/dhcp.ts';

/** A header of zeros, the cookie and these options. */
function raw(options: string, change: (bytes: Uint8Array) => void = () => {}): Uint8Array {
  const bytes = Uint8Array.from([...new Uint8Array(236), ...hex('63825363'), ...hex(options)]);
  bytes[0] = 1;
  change(bytes);
  return bytes;
}

function decoded(bytes: Uint8Array): Packet {
  const packet = decodePacket(bytes);
  if ('silent' in packet) throw new Error(`${packet.reason} ${packet.detail}`);
  return packet;
}

const optionsOf = (bytes: Uint8Array) => [...decoded(bytes).options].map(([code, data]) => [code, [...data]]);

describe('a DHCP packet', () => {
  test('is read field by field', () => {
    const [discover] = capturedRequests('ovmf-x64');
    const packet = decoded(discover?.payload ?? new Uint8Array());
    expect(packet).toMatchObject({ op: 1, htype: 1, hlen: 6, hops: 0, xid: 0x9239baa4, secs: 0, flags: 0x8000 });
    expect([packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr]).toEqual(Array(4).fill('0.0.0.0'));
    expect(packet.chaddr).toEqual(hex('525400770010 00000000000000000000'));
    expect([...packet.options.keys()]).toEqual([53, 57, 55, 97, 94, 93, 60]);
    expect(packet.options.get(60)).toEqual(ascii('PXEClient:Arch:00007:UNDI:003000'));
  });

  test('with pad octets between its options is read past them', () => {
    expect(optionsOf(raw('00 350101 0000 5d020007 00 ff'))).toEqual([
      [53, [1]],
      [93, [0, 7]],
    ]);
  });

  test('may lack the end mark', () => {
    expect(optionsOf(raw('350101'))).toEqual([[53, [1]]]);
  });

  test('ends at the end mark, whatever follows', () => {
    expect(optionsOf(raw('350101 ff 3c'))).toEqual([[53, [1]]]);
  });

  test('has options of length 0', () => {
    expect(optionsOf(raw('350101 6100 ff'))).toEqual([
      [53, [1]],
      [97, []],
    ]);
  });

  test('with an option in pieces has it whole', () => {
    expect(optionsOf(raw('3c03505845 350101 3c03436c69 3c03656e74 ff'))).toEqual([
      [60, [...ascii('PXEClient')]],
      [53, [1]],
    ]);
  });

  test('of the greatest length, all of it pieces of one option, is read in one go', () => {
    const pieces = raw('3c0178'.repeat(602));
    expect(decoded(pieces).options.get(60)).toHaveLength(602);
  });

  test('that is longer than any client sends costs no more than one of that length', () => {
    const packet = decoded(raw(`350101${'3c0178'.repeat(21_000)}`));
    expect(packet.options.get(53)).toEqual(Uint8Array.of(1));
    expect(packet.options.get(60)).toHaveLength(601);
    expect(packet.malformed).toBe('option 60 runs past the end');
  });

  test('whose option 52 says so has options in file and then in sname', () => {
    const overloaded = raw('340103 3c03505845 ff', (bytes) => {
      bytes.set(hex('3c03436c69 ff'), 108);
      bytes.set(hex('3c03656e74 350101'), 44);
    });
    expect(optionsOf(overloaded)).toEqual([
      [60, [...ascii('PXEClient')]],
      [53, [1]],
    ]);
    expect(decoded(overloaded)).toMatchObject({ file: new Uint8Array(), sname: new Uint8Array() });
  });

  test('whose option 52 names only one field leaves the other alone', () => {
    const overloaded = raw('340101 ff', (bytes) => {
      bytes.set(hex('350101'), 108);
      bytes.set(ascii('name'), 44);
    });
    expect(optionsOf(overloaded)).toEqual([[53, [1]]]);
    expect(decoded(overloaded).sname).toEqual(ascii('name'));
  });

  test.each([
    ['an option without a length', '350101 3c', 'option 60 has no length'],
    ['an option longer than the packet', '350101 3cff50', 'option 60 runs past the end'],
  ])('with %s is malformed, and has what stands before it', (_, options, detail) => {
    const packet = decodePacket(raw(options));
    expect(packet).toMatchObject({ malformed: detail });
    expect(optionsOf(raw(options))).toEqual([[53, [1]]]);
  });

  test('whose overloaded field is malformed has what stands elsewhere', () => {
    const overloaded = raw('340103 350101 ff', (bytes) => {
      bytes.set([60, 200], 108);
      bytes.set(hex('5d020007 ff'), 44);
    });
    expect(decodePacket(overloaded)).toMatchObject({ malformed: 'option 60 runs past the end' });
    expect(optionsOf(overloaded)).toEqual([
      [53, [1]],
      [93, [0, 7]],
    ]);
  });

  test('without the cookie, or too short for it, is none', () => {
    expect(decodePacket(new Uint8Array(300))).toEqual({ silent: true, reason: 'no-cookie' });
    expect(decodePacket(new Uint8Array(239))).toMatchObject({ reason: 'too-short' });
    expect(decodePacket(new Uint8Array())).toMatchObject({ reason: 'too-short' });
  });

  test('is at least 300 octets long when written', () => {
    expect(encodePacket(aPacket())).toHaveLength(306);
    expect(encodePacket({ ...aPacket(), options: new Map() })).toHaveLength(300);
  });

  test('does not share memory with the buffer that it was read from', () => {
    const bytes = Buffer.from(encodePacket(aPacket()));
    const packet = decoded(bytes);
    bytes.fill(0xee);
    expect(packet).toEqual(decoded(encodePacket(aPacket())));
  });

  test('that does not fit its fields is not written', () => {
    expect(() => encodePacket({ ...aPacket(), sname: new Uint8Array(65) })).toThrow(RangeError);
  });
});

const octets = (maxLength: number) => fc.uint8Array({ maxLength });
const withoutZeroAtEnd = (maxLength: number) => octets(maxLength).filter((field) => field.at(-1) !== 0);
const address = fc.ipV4();
const options = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 254 }), octets(700)), { selector: ([code]) => code, maxLength: 12 })
  .map((list) => new Map(list));

const packets: fc.Arbitrary<Packet> = fc.record({
  op: fc.nat(255),
  htype: fc.nat(255),
  hlen: fc.nat(255),
  hops: fc.nat(255),
  xid: fc.nat(0xffffffff),
  secs: fc.nat(0xffff),
  flags: fc.nat(0xffff),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  chaddr: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  sname: withoutZeroAtEnd(64),
  file: withoutZeroAtEnd(128),
  options: options.map((map) => new Map([...map].filter(([code]) => code !== 52))),
});

describe('the codec', () => {
  test('reads back every packet that it writes', () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(decodePacket(encodePacket(packet))).toEqual(packet);
      }),
    );
  });

  test('reads back every set of options that it writes', () => {
    fc.assert(
      fc.property(options, (map) => {
        expect(decodeOptions(encodeOptions(map))).toEqual({ options: map });
      }),
    );
  });

  test('takes any octets without throwing', () => {
    fc.assert(
      fc.property(octets(1500), (bytes) => void decodePacket(bytes)),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(octets(600), (tail) => {
        const packet = decodePacket(raw(Buffer.from(tail).toString('hex')));
        if ('silent' in packet) return;
        const { malformed: _, ...sound } = packet;
        expect(decodePacket(encodePacket(packet))).toEqual(sound);
      }),
      { numRuns: 1000 },
    );
  });
});
