import { describe, expect, test } from 'vitest';
import { decodePacket, type Packet } from '../../src/dhcp/codec/packet.ts';
import { buildReply, type Datagram, type Sender } from '../../src/dhcp/reply.ts';
import { readPxeRequest, type ServerPort } from '../../src/dhcp/request.ts';
import type { Silence } from '../../src/dhcp/silence.ts';
import { anIdentity, aPacket, ascii, hex } from '../support/dhcp.ts';

const OFFER = { type: 'offer', vendorClass: 'PXEClient', bootFile: 'snponly.efi' } as const;
const ACK = { ...OFFER, type: 'ack' } as const;
const REQUEST = { 53: Uint8Array.of(3) };

function built(
  packet: Packet,
  reply: Parameters<typeof buildReply>[1] = OFFER,
  sender: Sender = { address: '192.0.2.100', port: 4011 },
): Datagram | Silence {
  const port: ServerPort = reply.type === 'offer' ? 67 : 4011;
  const request = readPxeRequest(packet, port);
  if ('silent' in request) throw new Error(request.reason);
  return buildReply(request, reply, anIdentity(), sender);
}

function sent(...given: Parameters<typeof built>): Datagram & { readonly packet: Packet } {
  const datagram = built(...given);
  if ('silent' in datagram) throw new Error(datagram.reason);
  const packet = decodePacket(datagram.bytes);
  if ('silent' in packet) throw new Error(packet.reason);
  return { ...datagram, packet };
}

const codes = ({ packet }: { packet: Packet }) => [...packet.options.keys()];

describe('an OFFER', () => {
  test('copies what names the client and gives nothing of a lease', () => {
    const request = aPacket({}, { hops: 3, secs: 11, ciaddr: '192.0.2.55', siaddr: '192.0.2.56', flags: 0 });
    expect(sent(request).packet).toMatchObject({
      ...{ op: 2, htype: 1, hlen: 6, hops: 0, xid: request.xid, secs: 11, flags: 0x8000, chaddr: request.chaddr },
      ...{ ciaddr: '0.0.0.0', yiaddr: '0.0.0.0', siaddr: '192.0.2.10', giaddr: '0.0.0.0' },
      ...{ sname: ascii('192.0.2.10'), file: ascii('snponly.efi') },
    });
  });

  test('has the options that firmware needs, in order', () => {
    expect([...sent(aPacket({ 82: hex('0104eeeeeeee') })).packet.options]).toEqual([
      [53, hex('02')],
      [54, hex('c000020a')],
      [60, ascii('PXEClient')],
      [97, hex('00 33221100 5544 7766 8899 aabbccddeeff')],
      [67, ascii('snponly.efi\0')],
      [82, hex('0104eeeeeeee')],
    ]);
  });

  test('goes to everybody, from port 67', () => {
    expect(sent(aPacket())).toMatchObject({ address: '255.255.255.255', port: 68, from: 67 });
  });

  test('by way of a relay goes to the relay, with the broadcast flag', () => {
    const relayed = sent(aPacket({}, { giaddr: '198.51.100.1', hops: 1 }));
    expect(relayed).toMatchObject({ address: '198.51.100.1', port: 67, from: 67 });
    expect(relayed.packet).toMatchObject({ giaddr: '198.51.100.1', flags: 0x8000 });
  });

  test.each(['255.255.255.255', '224.0.0.1', '127.0.0.1', '0.0.0.1'])('goes to no relay at %s', (giaddr) => {
    expect(built(aPacket({}, { giaddr }))).toMatchObject({ silent: true, reason: 'address' });
  });

  test('keeps InfiniBand as it came', () => {
    const request = aPacket({}, { htype: 32, hlen: 0, chaddr: new Uint8Array(16) });
    expect(sent(request).packet).toMatchObject({ htype: 32, hlen: 0, chaddr: new Uint8Array(16), flags: 0x8000 });
  });

  test.each([
    ['missing', undefined, false],
    ['empty', hex(''), true],
    ['whole', hex('0000112233445566778899aabbccddeeff'), true],
    ['too short', hex('00'), false],
    ['too long', new Uint8Array(18), false],
  ])('gives a machine identifier back that is %s', (_, id, back) => {
    expect(sent(aPacket({ 97: id })).packet.options.get(97)).toEqual(back ? id : undefined);
  });

  test('has option 43 and option 66 where it is told so', () => {
    const offer = { ...OFFER, vendorOptions: hex('060108ff'), tftpServer: '192.0.2.10' };
    const { packet } = sent(aPacket(), offer);
    expect(packet.options.get(43)).toEqual(hex('060108ff'));
    expect(packet.options.get(66)).toEqual(ascii('192.0.2.10'));
  });

  test('without a boot file has an empty field and no option 67', () => {
    const { bootFile: _, ...none } = OFFER;
    expect(codes(sent(aPacket(), none))).not.toContain(67);
    expect(sent(aPacket(), none).packet.file).toHaveLength(0);
  });
});

describe('an ACK', () => {
  test('copies the client address and the flags', () => {
    const { packet } = sent(aPacket(REQUEST, { ciaddr: '192.0.2.100', flags: 0 }), ACK);
    expect(packet).toMatchObject({ op: 2, ciaddr: '192.0.2.100', yiaddr: '0.0.0.0', siaddr: '192.0.2.10', flags: 0 });
    expect(packet.options.get(53)).toEqual(hex('05'));
    expect(sent(aPacket(REQUEST, { flags: 0x8000 }), ACK).packet.flags).toBe(0x8000);
  });

  test.each([68, 4011])('goes back to where it came from, port %i, from port 4011', (port) => {
    const sender = { address: '192.0.2.100', port };
    expect(sent(aPacket(REQUEST), ACK, sender)).toMatchObject({ ...sender, from: 4011 });
  });

  test('ignores a relay, as the client has an address', () => {
    expect(sent(aPacket(REQUEST, { giaddr: '198.51.100.1' }), ACK)).toMatchObject({ address: '192.0.2.100' });
  });

  test.each([
    { address: '0.0.0.0', port: 68 },
    { address: '192.0.2.100', port: 0 },
  ])('goes to nobody at $address:$port', (sender) => {
    expect(built(aPacket(REQUEST), ACK, sender)).toMatchObject({ silent: true, reason: 'address' });
  });

  test('answers a request without a transaction id', () => {
    expect(sent(aPacket(REQUEST, { xid: 0 }), ACK).packet.xid).toBe(0);
  });
});

describe('a boot file name', () => {
  const named = (length: number, options = {}) => sent(aPacket(options), { ...OFFER, bootFile: 'x'.repeat(length) });

  test('of 127 octets stands in the header and in option 67', () => {
    expect(named(127).packet.file).toEqual(ascii('x'.repeat(127)));
    expect(named(127).packet.options.get(67)).toEqual(ascii(`${'x'.repeat(127)}\0`));
  });

  test('of 128 octets stands in option 67 alone', () => {
    expect(named(128).packet.file).toHaveLength(0);
    expect(named(128).packet.options.get(67)).toEqual(ascii(`${'x'.repeat(128)}\0`));
  });

  test('that is longer than one option is not sent', () => {
    expect(named(254).packet.options.get(67)).toHaveLength(255);
    expect(built(aPacket(), { ...OFFER, bootFile: 'x'.repeat(255) })).toMatchObject({ reason: 'too-long' });
  });
});

describe('the length of a reply', () => {
  const RELAY = new Uint8Array(200).fill(7);

  test('is at least 300 octets', () => {
    expect(sent(aPacket({ 97: undefined })).bytes).toHaveLength(300);
  });

  test('stays within 576 octets with its headers by naming the file once', () => {
    const offer = { ...OFFER, bootFile: 'x'.repeat(120) };
    const reply = sent(aPacket({ 82: RELAY }), offer);
    expect(reply.bytes.length).toBeLessThanOrEqual(548);
    expect(codes(reply)).toEqual([53, 54, 60, 97, 82]);
    expect(reply.packet.file).toHaveLength(120);
  });

  test('may be more where option 57 says so', () => {
    const offer = { ...OFFER, bootFile: 'x'.repeat(120) };
    expect(codes(sent(aPacket({ 82: RELAY, 57: hex('05c0') }), offer))).toEqual([53, 54, 60, 97, 67, 82]);
  });

  test('never fills more than an Ethernet frame, whatever option 57 says', () => {
    const relay = new Uint8Array(1400);
    expect(built(aPacket({ 82: relay, 57: hex('ff00') }))).toMatchObject({ reason: 'too-long' });
  });

  test('counts an option 57 below 576, or of a wrong length, as 576', () => {
    expect(built(aPacket({ 82: new Uint8Array(255), 57: hex('0001') }))).toMatchObject({ from: 67 });
    expect(built(aPacket({ 82: new Uint8Array(400), 57: hex('ff') }))).toMatchObject({ reason: 'too-long' });
  });
});
