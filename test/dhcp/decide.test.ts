import { describe, expect, test } from 'vitest';
import { type DhcpIdentity, decide, type Recognised, type Reply } from '../../src/dhcp/decide.ts';
import { readPxeRequest, type ServerPort } from '../../src/dhcp/request.ts';
import type { Silence } from '../../src/dhcp/silence.ts';
import type { BootSettings } from '../../src/model/settings/node.ts';
import { mac, settings, sourced } from '../support/config.ts';
import { anIdentity, aPacket, ascii, hex } from '../support/dhcp.ts';

interface Case {
  readonly port?: ServerPort;
  readonly settings?: Partial<BootSettings>;
  readonly server?: Partial<DhcpIdentity>;
  readonly match?: Partial<Recognised>;
  readonly attempt?: number;
}

const BIOS = { 60: ascii('PXEClient:Arch:00000:UNDI:002001'), 93: hex('0000') };
const HTTP = { 60: ascii('HTTPClient:Arch:00016:UNDI:003000'), 93: hex('0010') };
const IPXE = { 77: ascii('iPXE') };
const IPXE_WITHOUT_HTTP = { 77: ascii('iPXE'), 175: hex('150101') };
const RASPBERRY_PI = { 60: ascii('PXEClient:Arch:00000:UNDI:002001'), 93: hex('0029') };
const BOOT_AT_ONCE = hex('06 01 08 ff');

function told(options: Record<number, Uint8Array | undefined>, given: Case = {}): Reply | Silence {
  const port = given.port ?? 67;
  const request = readPxeRequest(aPacket(port === 67 ? options : { 53: Uint8Array.of(3), ...options }), port);
  if ('silent' in request) throw new Error(request.reason);
  const match: Recognised = {
    mac: mac('52:54:00:00:00:01'),
    settings: settings(given.settings),
    why: 'the test says so',
    ...given.match,
  };
  return decide(request, match, anIdentity(given.server), given.attempt);
}

describe('BIOS firmware', () => {
  test('is told to boot undionly.kpxe at once', () => {
    expect(told(BIOS)).toEqual({
      type: 'offer',
      vendorClass: 'PXEClient',
      bootFile: 'undionly.kpxe',
      vendorOptions: BOOT_AT_ONCE,
    });
  });

  test('on port 4011 gets the file alone', () => {
    expect(told(BIOS, { port: 4011 })).toEqual({ type: 'ack', vendorClass: 'PXEClient', bootFile: 'undionly.kpxe' });
  });
});

describe('UEFI firmware', () => {
  const bypass = { discovery: sourced('bypass' as const) };

  test('is sent to the boot server by the absence of option 43', () => {
    expect(told({})).toEqual({ type: 'offer', vendorClass: 'PXEClient', bootFile: 'snponly.efi' });
  });

  test('is told to boot at once where the node says bypass', () => {
    expect(told({}, { settings: bypass })).toMatchObject({ bootFile: 'snponly.efi', vendorOptions: BOOT_AT_ONCE });
  });

  test('on port 4011 gets the file, whatever the way', () => {
    const ack = { type: 'ack', vendorClass: 'PXEClient', bootFile: 'snponly.efi' };
    expect(told({}, { port: 4011 })).toEqual(ack);
    expect(told({}, { port: 4011, settings: bypass })).toEqual(ack);
  });

  test('that begins again and again is told the other way in turn', () => {
    const ways = (given: Case) =>
      [1, 2, 3, 4, 5, 6, 7].map((attempt) => ('vendorOptions' in told({}, { ...given, attempt }) ? 'bypass' : 'binl'));
    expect(ways({})).toEqual(['binl', 'binl', 'bypass', 'bypass', 'binl', 'binl', 'bypass']);
    expect(ways({ settings: bypass })).toEqual(['bypass', 'bypass', 'binl', 'binl', 'bypass', 'bypass', 'binl']);
  });

  test.each([
    [6, 'snponly.efi', 'ia32/snponly.efi'],
    [7, 'ipxe.efi', 'ipxe.efi'],
    [9, 'snponly.efi', 'snponly.efi'],
    [11, 'snponly.efi', 'arm64/snponly.efi'],
    [11, 'ipxe.efi', 'arm64/ipxe.efi'],
    [27, 'snponly.efi', 'riscv64/snponly.efi'],
  ] as const)('of arch %i with %s gets %s', (arch, ipxe, bootFile) => {
    const options = { 60: ascii('PXEClient'), 93: Uint8Array.of(0, arch) };
    expect(told(options, { settings: { ipxe: sourced(ipxe) } })).toMatchObject({ bootFile });
  });

  test('gets its boot item back', () => {
    const item = { 43: hex('47 04 80000000 ff') };
    expect(told(item, { port: 4011 })).toMatchObject({ vendorOptions: hex('47 04 80000000 ff') });
  });

  test('that wants boot integrity services gets no answer', () => {
    expect(told({ 43: hex('47 04 00018000 ff') }, { port: 4011 })).toEqual({ silent: true, reason: 'bis' });
  });

  test('that asks another boot server gets no answer', () => {
    const asks = (server: string) => told({ 54: hex(server) }, { port: 4011 });
    expect(asks('c000020b')).toEqual({ silent: true, reason: 'other-server', detail: '192.0.2.11' });
    expect(asks('')).toMatchObject({ reason: 'other-server' });
    expect(asks('c000020a')).toMatchObject({ type: 'ack' });
  });
});

describe('UEFI HTTP boot', () => {
  test('gets a URL with a literal address, its own class and no option 43', () => {
    expect(told(HTTP)).toEqual({
      type: 'offer',
      vendorClass: 'HTTPClient',
      bootFile: 'http://192.0.2.10:8080/boot/snponly.efi',
    });
  });

  test('does not need TFTP', () => {
    expect(told(HTTP, { server: { tftp: false } })).toMatchObject({ type: 'offer' });
  });

  test('gets no port where HTTP has its own', () => {
    expect(told(HTTP, { server: { httpPort: 80 } })).toMatchObject({ bootFile: 'http://192.0.2.10/boot/snponly.efi' });
  });
});

describe('iPXE', () => {
  const script = 'http://192.0.2.10:8080/ipxe/52-54-00-00-00-01';

  test.each([67, 4011] as const)('on port %i gets the URL of its script and no option 43', (port) => {
    const type = port === 67 ? 'offer' : 'ack';
    expect(told(IPXE, { port })).toEqual({ type, vendorClass: 'PXEClient', bootFile: script });
    expect(told({ ...BIOS, ...IPXE }, { port })).toEqual({ type, vendorClass: 'PXEClient', bootFile: script });
  });

  test('needs neither TFTP nor a boot file', () => {
    expect(told(IPXE, { server: { tftp: false, hasBootFile: () => false } })).toMatchObject({ bootFile: script });
  });

  test('without an address of its own gets the bootstrap', () => {
    const request = readPxeRequest(aPacket(IPXE), 67);
    if ('silent' in request) throw new Error(request.reason);
    const reply = decide(request, { settings: settings(), why: 'nobody knows it' }, anIdentity());
    expect(reply).toMatchObject({ bootFile: 'http://192.0.2.10:8080/ipxe' });
  });

  test('that cannot fetch over HTTP is given one that can', () => {
    expect(told(IPXE_WITHOUT_HTTP)).toMatchObject({ bootFile: 'snponly.efi' });
    expect(told({ ...BIOS, ...IPXE_WITHOUT_HTTP })).toMatchObject({ bootFile: 'undionly.kpxe' });
  });
});

test('a Raspberry Pi gets the menu that its boot ROM looks for, and the address of TFTP', () => {
  expect(told(RASPBERRY_PI)).toEqual({
    type: 'offer',
    vendorClass: 'PXEClient',
    vendorOptions: hex('09 14 00 00 11 526173706265727279205069 20426f6f74 0a 04 00 505845 ff'),
    tftpServer: '192.0.2.10',
  });
});

describe('silence', () => {
  test.each([
    ['BIOS', BIOS],
    ['UEFI', {}],
    ['HTTP boot', HTTP],
    ['iPXE', IPXE],
    ['a Raspberry Pi', RASPBERRY_PI],
  ])('is what %s gets that the configuration ignores, on either port', (_, options) => {
    const expected = { silent: true, reason: 'ignored', detail: 'the test says so' };
    expect(told(options, { settings: { action: sourced('ignore') } })).toEqual(expected);
    expect(told(options, { settings: { action: sourced('ignore') }, port: 4011 })).toEqual(expected);
  });

  test('is not what a machine gets that shall boot from its disk: a script tells it so', () => {
    expect(told(BIOS, { settings: { action: sourced('local') } })).toMatchObject({ bootFile: 'undionly.kpxe' });
  });

  test.each([
    ['BIOS', BIOS],
    ['UEFI', {}],
    ['a Raspberry Pi', RASPBERRY_PI],
    ['an iPXE without HTTP', IPXE_WITHOUT_HTTP],
  ])('is what %s gets where TFTP is off', (_, options) => {
    expect(told(options, { server: { tftp: false } })).toEqual({ silent: true, reason: 'tftp-off' });
  });

  test.each([
    ['UEFI HTTP boot', HTTP],
    ['iPXE', IPXE],
  ])('is what %s gets where HTTP is off', (_, options) => {
    expect(told(options, { server: { http: false } })).toEqual({ silent: true, reason: 'http-off' });
  });

  test.each([
    ['BIOS', BIOS, 'undionly.kpxe'],
    ['UEFI', {}, 'snponly.efi'],
    ['HTTP boot', HTTP, 'snponly.efi'],
  ])('is what %s gets whose boot file is missing', (_, options, detail) => {
    const server = { hasBootFile: (name: string) => name !== detail };
    expect(told(options, { server })).toEqual({ silent: true, reason: 'no-boot-file', detail });
  });
});
