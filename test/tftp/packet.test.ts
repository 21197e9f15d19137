import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePacket, encodeBlocks, encodePacket, type Packet } from '../../src/tftp/packet.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('decodePacket', () => {
  it('reads a request with options', () => {
    expect(decodePacket(bytes('\0\x01snponly.efi\0octet\0tsize\x000\0BLKSIZE\x001468\0'))).toEqual({
      kind: 'read',
      filename: 'snponly.efi',
      mode: 'octet',
      options: [
        ['tsize', '0'],
        ['BLKSIZE', '1468'],
      ],
    });
  });

  it('keeps each octet of a name as one character', () => {
    expect(decodePacket(bytes('\0\x01a\xff\xe9\0octet\0'))).toMatchObject({ filename: 'a\xff\xe9' });
  });

  it('takes zeros after the mode for padding', () => {
    expect(decodePacket(bytes('\0\x01a\0octet\0\0\0\0\0blksize\x008\0'))).toMatchObject({ options: [] });
  });

  it('leaves out half an option', () => {
    expect(decodePacket(bytes('\0\x01a\0octet\0tsize\x000\0blksize\0'))).toMatchObject({ options: [['tsize', '0']] });
    expect(decodePacket(bytes('\0\x01a\0octet\0tsize\x000\0blksize\x0014'))).toMatchObject({
      options: [['tsize', '0']],
    });
  });

  it('reads an error without a text, and cuts a long one', () => {
    expect(decodePacket(bytes('\0\x05\0\x08'))).toEqual({ kind: 'error', code: 8, message: '' });
    expect(decodePacket(bytes('\0\x05\0\0gone'))).toEqual({ kind: 'error', code: 0, message: 'gone' });
    expect(decodePacket(bytes(`\0\x05\0\0${'x'.repeat(900)}`))).toMatchObject({ message: 'x'.repeat(200) });
  });

  it.each([
    ['', 'too-short'],
    ['\0', 'too-short'],
    ['\0\x04\0', 'too-short'],
    ['\0\x03\0', 'too-short'],
    ['\0\x05\0', 'too-short'],
    ['\0\0abc', 'unknown-opcode'],
    ['\0\x07abc', 'unknown-opcode'],
    ['\x01\x01a\0octet\0', 'unknown-opcode'],
    ['\0\x01', 'unterminated'],
    ['\0\x01name', 'unterminated'],
    ['\0\x01name\0', 'unterminated'],
    ['\0\x01name\0octet', 'unterminated'],
    ['\0\x02\0octet\0', 'no-filename'],
    [`\0\x01${'a'.repeat(1500)}\0octet\0`, 'too-long'],
    [`\0\x06${'a'.repeat(1500)}\x001\0`, 'too-long'],
  ])('says why %j is no packet', (text, reason) => {
    expect(decodePacket(bytes(text))).toEqual({ kind: 'malformed', reason });
  });

  it('never throws', () => {
    const opcode = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 255);
    const hostile = fc
      .tuple(opcode, fc.uint8Array({ maxLength: 600 }))
      .map(([op, rest]) => Uint8Array.of(0, op, ...rest));
    fc.assert(
      fc.property(fc.oneof(hostile, fc.uint8Array({ maxLength: 600 })), (datagram) => {
        expect(decodePacket(datagram).kind).toBeTypeOf('string');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('encodePacket', () => {
  it('writes what the RFCs draw', () => {
    expect(encodePacket({ kind: 'ack', block: 65535 })).toEqual(Buffer.from([0, 4, 255, 255]));
    expect(encodePacket({ kind: 'data', block: 258, payload: bytes('ab') })).toEqual(Buffer.from('\0\x03\x01\x02ab'));
    expect(encodePacket({ kind: 'error', code: 1, message: 'no' })).toEqual(Buffer.from('\0\x05\0\x01no\0'));
    expect(encodePacket({ kind: 'oack', options: [['blksize', '8']] })).toEqual(Buffer.from('\0\x06blksize\x008\0'));
  });

  it('counts blocks modulo 65536', () => {
    expect(encodeBlocks(65535, [bytes('ab'), bytes('c'), bytes('')], Buffer.alloc(20))).toEqual(
      Buffer.from('\0\x03\xff\xffab\0\x03\0\0c\0\x03\0\x01', 'latin1'),
    );
  });

  it('is undone by decodePacket', () => {
    const text = (minLength: number) =>
      fc.string({
        unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
        minLength,
        maxLength: 40,
      });
    const options = fc.array(fc.tuple(text(1), text(0)), { maxLength: 6 });
    const block = fc.integer({ min: 0, max: 65535 });
    const packet: fc.Arbitrary<Packet> = fc.oneof(
      fc.record({
        kind: fc.constantFrom('read' as const, 'write' as const),
        filename: text(1),
        mode: text(0),
        options,
      }),
      fc.record({
        kind: fc.constant('data' as const),
        block,
        payload: fc.uint8Array().map((data) => Buffer.from(data)),
      }),
      fc.record({ kind: fc.constant('ack' as const), block }),
      fc.record({ kind: fc.constant('error' as const), code: block, message: text(0) }),
      fc.record({ kind: fc.constant('oack' as const), options }),
    );
    fc.assert(
      fc.property(packet, (original) => {
        expect(decodePacket(encodePacket(original))).toEqual(original);
      }),
    );
  });
});
