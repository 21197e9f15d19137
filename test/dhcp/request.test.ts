import { describe, expect, test } from 'vitest';
import type { Packet } from '../../src/dhcp/codec/packet.ts';
import { type PxeRequest, readPxeRequest, type ServerPort, withFirmware } from '../../src/dhcp/request.ts';
import { settings } from '../support/config.ts';
import { aPacket, ascii, hex } from '../support/dhcp.ts';

function request(packet: Packet, port: ServerPort = 67): PxeRequest {
  const read = readPxeRequest(packet, port);
  if ('silent' in read) throw new Error(`${read.reason} ${read.detail}`);
  return read;
}

const kindOf = (packet: Packet) => request(packet).client;
const REQUEST = { 53: Uint8Array.of(3) };

describe('what is for somebody else', () => {
  test.each<[string, Packet, ServerPort, string]>([
    ['a reply', aPacket({}, { op: 2 }), 67, 'not-a-request'],
    ['an unknown operation', aPacket({}, { op: 0 }), 67, 'not-a-request'],
    ['hardware without an address', aPacket({}, { hlen: 0 }), 67, 'hardware'],
    ['hardware with an address of 16 octets', aPacket({}, { hlen: 16 }), 67, 'hardware'],
    ['hardware with an address of 255 octets', aPacket({}, { hlen: 255 }), 67, 'hardware'],
    ['BOOTP without a message type', aPacket({ 53: undefined }), 67, 'message-type'],
    ['an empty message type', aPacket({ 53: hex('') }), 67, 'message-type'],
    ['a message type of two octets', aPacket({ 53: hex('0101') }), 67, 'message-type'],
    ['an OFFER', aPacket({ 53: hex('02') }), 67, 'message-type'],
    ['a REQUEST on port 67', aPacket({ 53: hex('03') }), 67, 'message-type'],
    ['a DECLINE on port 67', aPacket({ 53: hex('04') }), 67, 'message-type'],
    ['a RELEASE on port 67', aPacket({ 53: hex('07') }), 67, 'message-type'],
    ['an INFORM on port 67', aPacket({ 53: hex('08') }), 67, 'message-type'],
    ['a DISCOVER on port 4011', aPacket(), 4011, 'message-type'],
    ['a RELEASE on port 4011', aPacket({ 53: hex('07') }), 4011, 'message-type'],
    ['no vendor class', aPacket({ 60: undefined }), 67, 'vendor-class'],
    ['a vendor class of an ordinary client', aPacket({ 60: ascii('MSFT 5.0') }), 67, 'vendor-class'],
    ['PXEClient elsewhere than at the start', aPacket({ 60: ascii('my PXEClient') }), 67, 'vendor-class'],
    ['U-Boot as such', aPacket({ 60: ascii('U-Boot.armv8'), 93: hex('0016') }), 67, 'vendor-class'],
    ['no architecture', aPacket({ 60: ascii('PXEClient'), 93: undefined }), 67, 'architecture'],
    ['an unknown architecture', aPacket({ 60: ascii('PXEClient'), 93: hex('0063') }), 67, 'architecture'],
    ['half an architecture', aPacket({ 60: ascii('PXEClient'), 93: hex('00') }), 67, 'architecture'],
    ['a malformed option 43 on port 4011', aPacket({ ...REQUEST, 43: hex('4704') }), 4011, 'malformed'],
    ['a boot item of three octets', aPacket({ ...REQUEST, 43: hex('4703000000 ff') }), 4011, 'malformed'],
  ])('is %s', (_, packet, port, reason) => {
    expect(readPxeRequest(packet, port)).toMatchObject({ silent: true, reason });
  });
});

describe('the architecture', () => {
  test.each([
    [0, 'bios'],
    [6, 'efi-ia32'],
    [7, 'efi-x64'],
    [9, 'efi-x64'],
    [10, 'efi-arm32'],
    [11, 'efi-arm64'],
    [27, 'efi-riscv64'],
    [39, 'efi-loong64'],
  ])('%i of option 93 is %s', (code, firmware) => {
    const packet = aPacket({ 60: ascii('PXEClient'), 93: Uint8Array.of(0, code) });
    expect(request(packet)).toMatchObject({ arch: code, client: { kind: 'pxe', firmware } });
  });

  test('is the first of option 93 that is known', () => {
    expect(request(aPacket({ 60: ascii('PXEClient'), 93: hex('ffff 0063 0007 0000') })).arch).toBe(7);
  });

  test('is that of the vendor class where option 93 says nothing', () => {
    const packet = (arch?: Uint8Array) => aPacket({ 60: ascii('PXEClient:Arch:00006:UNDI:003000'), 93: arch });
    expect(request(packet()).arch).toBe(6);
    expect(request(packet(hex(''))).arch).toBe(6);
    expect(request(packet(hex('0063'))).arch).toBe(6);
  });
});

describe('the kind of client', () => {
  test('is HTTP boot by the vendor class', () => {
    const packet = aPacket({ 60: ascii('HTTPClient:Arch:00016:UNDI:003000'), 93: hex('0010') });
    expect(request(packet)).toMatchObject({ vendorClass: 'HTTPClient', client: { kind: 'http', firmware: 'efi-x64' } });
  });

  test.each([
    ['its user class', { 77: ascii('iPXE') }, true],
    ['its user class with a length', { 77: ascii('\x04iPXE') }, true],
    ['its own options with HTTP', { 175: hex('eb03010000 130101 180101') }, true],
    ['its own options, empty', { 175: hex('') }, true],
    ['its own options, malformed', { 175: hex('13') }, true],
    ['its own options without HTTP', { 77: ascii('iPXE'), 175: hex('eb03010000 150101') }, false],
    ['its own options with HTTP switched off', { 175: hex('130100') }, false],
  ])('is iPXE by %s', (_, options, http) => {
    expect(kindOf(aPacket(options))).toEqual({ kind: 'ipxe', firmware: 'efi-x64', http });
  });

  test('is not iPXE by a user class that only begins like it', () => {
    expect(kindOf(aPacket({ 77: ascii('iPXE2') })).kind).toBe('pxe');
  });

  const bios = { 60: ascii('PXEClient:Arch:00000:UNDI:002001'), 93: hex('0000') };
  const at = (address: string) => ({ chaddr: hex(`${address} 00000000000000000000`) });
  test.each([
    ['its machine identifier', aPacket({ ...bios, 97: hex('00 52506934 112233440011223344556677') })],
    ['arch 41', aPacket({ 60: ascii('PXEClient'), 93: hex('0029') })],
    ['OUI b8:27:eb', aPacket(bios, at('b827eb000001'))],
    ['OUI dc:a6:32', aPacket(bios, at('dca632000001'))],
    ['OUI e4:5f:01', aPacket(bios, at('e45f01000001'))],
    ['OUI 28:cd:c1', aPacket(bios, at('28cdc1000001'))],
    ['OUI d8:3a:dd', aPacket(bios, at('d83add000001'))],
    ['OUI 2c:cf:67', aPacket(bios, at('2ccf67000001'))],
    ['OUI 88:a2:9e', aPacket(bios, at('88a29e000001'))],
    ['its serial number four times', aPacket({ ...bios, 97: hex(`00 ${'deadbeef'.repeat(4)}`) })],
  ])('is a Raspberry Pi by %s', (_, packet) => {
    expect(kindOf(packet)).toEqual({ kind: 'raspberry-pi' });
  });

  test.each<[string, Packet, string]>([
    ['option 93', aPacket({ 60: ascii('PXEClient'), 93: hex('0029') }), '41 in option 93'],
    ['option 60', aPacket({ ...bios, 93: undefined }), '0 in option 60'],
    ['option 97', aPacket({ ...bios, 97: hex('00 52506934 112233440011223344556677') }), '"RPi" in option 97'],
    ['a prefix', aPacket(bios, at('2ccf67000001')), 'the prefix 2c:cf:67 of its address'],
    ['its serial', aPacket({ ...bios, 97: hex(`00 ${'deadbeef'.repeat(4)}`) }), 'one number four times in option 97'],
  ])('says that it was recognised by %s', (_, packet, by) => {
    expect(request(packet).by).toBe(by);
  });

  test.each(['00', 'ff', '11'])('is a PC where option 97 is %s throughout, as without an identifier', (octet) => {
    expect(kindOf(aPacket({ ...bios, 97: hex(`00 ${octet.repeat(16)}`) })).kind).toBe('pxe');
  });

  test('is a Raspberry Pi where the configuration says so of what claims to be a BIOS, and only there', () => {
    const firmware = settings({ firmware: { value: 'raspberry-pi', from: 'nodes.pi.firmware' } });
    const told = (packet: Packet) => withFirmware(request(packet), firmware);
    expect(told(aPacket(bios))).toMatchObject({ client: { kind: 'raspberry-pi' }, by: 'nodes.pi.firmware' });
    expect(withFirmware(request(aPacket(bios)), settings()).client.kind).toBe('pxe');
    // UEFI and iPXE on the same machine say what they are.
    expect(told(aPacket()).client).toEqual({ kind: 'pxe', firmware: 'efi-x64' });
    expect(told(aPacket({ ...bios, 77: ascii('iPXE') })).client.kind).toBe('ipxe');
  });

  test('is UEFI on a Raspberry Pi that runs UEFI', () => {
    const packet = aPacket({ 60: ascii('PXEClient'), 93: hex('000b') }, at('dca632000001'));
    expect(kindOf(packet)).toEqual({ kind: 'pxe', firmware: 'efi-arm64' });
  });
});

describe('the machine', () => {
  test('is known by its MAC address', () => {
    expect(request(aPacket()).macs).toEqual(['52:54:00:00:00:01']);
  });

  test('has the UUID that iPXE prints', () => {
    expect(request(aPacket()).uuid).toBe('00112233-4455-6677-8899-aabbccddeeff');
  });

  test.each([
    ['missing', undefined],
    ['empty', hex('')],
    ['of another type', hex('01 33221100554477668899aabbccddeeff')],
    ['short', hex('00 3322')],
  ])('has no UUID where option 97 is %s', (_, id) => {
    expect(request(aPacket({ 97: id })).uuid).toBeUndefined();
  });

  const infiniband = (options: Record<number, Uint8Array | undefined>, hlen = 0, chaddr = '') =>
    request(aPacket(options, { htype: 32, hlen, chaddr: hex(chaddr.padEnd(32, '0')) })).macs;
  const ipoib = '80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:10:39';
  const guid = '00:02:c9:03:00:00:10:39';
  test('on InfiniBand is known by the client identifier of iPXE: type 32 and the IPoIB address', () => {
    expect(infiniband({ 61: hex(`20${ipoib.replaceAll(':', '')}`) })).toEqual([ipoib, guid]);
  });

  test('on InfiniBand is known by the GUID at the end of the client identifier that Mellanox firmware makes', () => {
    expect(infiniband({ 61: hex('ff 00000000 0002 000002c9 00 0002c90300001039') })).toEqual([guid]);
  });

  test('on InfiniBand is known by the link-layer address in a DUID', () => {
    const id = ipoib.replaceAll(':', '');
    expect(infiniband({ 61: hex(`ff 00000001 0003 0020 ${id}`) })).toEqual([ipoib, guid]);
    expect(infiniband({ 61: hex(`ff 00000001 0001 0020 12345678 ${id}`) })).toEqual([ipoib, guid]);
  });

  test('on InfiniBand is known by a GUID in chaddr, as older iPXE sends it', () => {
    expect(infiniband({}, 8, '0002c90300001039')).toEqual([guid]);
  });

  test.each([
    ['no client identifier', undefined],
    ['an empty one', hex('')],
    ['a DUID of a UUID', hex('ff 00000000 0004 00112233445566778899aabbccddeeff')],
    ['a short DUID', hex('ff 00000000 0002 0000')],
    ['a text', ascii('node-7')],
  ])('on InfiniBand with %s is not known', (_, id) => {
    expect(infiniband({ 61: id })).toEqual([]);
  });
});

test('a boot item is read on port 4011 only', () => {
  const item = { 43: hex('06 01 08 47 04 80010000 ff') };
  expect(request(aPacket({ ...item, ...REQUEST }), 4011).bootItem).toEqual(hex('80010000'));
  expect(request(aPacket(item)).bootItem).toBeUndefined();
});
