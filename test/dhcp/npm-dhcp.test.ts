/**
 * Why the server has a codec of its own: what the npm package `dhcp` 0.2.20 does with packets that netboot clients
 * send. Its client serves as an independent peer in the wire tests.
 */
import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decodePacket, encodePacket } from '../../src/dhcp/codec/packet.ts';
import { aPacket, ascii, hex } from '../support/dhcp.ts';

interface Protocol {
  parse(bytes: Buffer): { readonly options: Readonly<Record<number, unknown>> };
}

const protocol = createRequire(import.meta.url)('dhcp/lib/protocol.js') as Protocol;
const parse = (bytes: Uint8Array) => protocol.parse(Buffer.from(bytes));

/** A DISCOVER whose options are these octets. */
function withOptions(options: string): Uint8Array {
  const whole = Uint8Array.from([...encodePacket(aPacket()).subarray(0, 240), ...hex(options)]);
  return whole;
}

describe('the npm package dhcp', () => {
  beforeEach(() => void vi.spyOn(console, 'error').mockImplementation(() => {}));
  afterEach(() => vi.restoreAllMocks());

  test('reads an ordinary packet as this codec does', () => {
    const bytes = withOptions('350101 3c09505845436c69656e74 ff');
    expect(parse(bytes).options).toEqual({ 53: 1, 60: 'PXEClient' });
    expect(decodePacket(bytes)).toMatchObject({
      options: new Map([
        [53, hex('01')],
        [60, ascii('PXEClient')],
      ]),
    });
  });

  test('loses its place at a pad octet and throws on a legal packet', () => {
    const bytes = withOptions('350101 00 3c09505845436c69656e74 ff');
    expect(() => parse(bytes)).toThrow(RangeError);
    expect(decodePacket(bytes)).toMatchObject({ op: 1 });
  });

  test('throws on InfiniBand', () => {
    const bytes = encodePacket(aPacket({}, { htype: 32, hlen: 0 }));
    expect(() => parse(bytes)).toThrow('Invalid hardware address (len=0, type=32)');
    expect(decodePacket(bytes)).toMatchObject({ htype: 32, hlen: 0 });
  });

  test.each([
    ['the architecture', 93],
    ['the network interface', 94],
    ['the machine identifier', 97],
    ['the options of iPXE', 175],
  ])('drops %s, option %i', (_, code) => {
    const bytes = encodePacket(aPacket({ 175: hex('130101') }));
    expect(parse(bytes).options).not.toHaveProperty(String(code));
    const packet = decodePacket(bytes);
    expect('silent' in packet ? undefined : packet.options.get(code)).toBeDefined();
  });

  test('keeps only the last piece of an option in pieces', () => {
    const bytes = withOptions('350101 3c03505845 3c06436c69656e74 ff');
    expect(parse(bytes).options[60]).toBe('Client');
    const packet = decodePacket(bytes);
    expect('silent' in packet ? undefined : packet.options.get(60)).toEqual(ascii('PXEClient'));
  });
});
