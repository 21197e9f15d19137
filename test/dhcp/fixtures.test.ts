import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answer } from '../../src/dhcp/answer.ts';
import { decodePacket } from '../../src/dhcp/codec/packet.ts';
import type { ServerPort } from '../../src/dhcp/request.ts';
import { settings, sourced } from '../support/config.ts';
import { aContext, anIdentity, capturedRequests, hex } from '../support/dhcp.ts';
import type { CapturedDatagram } from '../support/pcap.ts';

/** The server of the captures: requests on 4011 name it in option 54. */
const SERVER = anIdentity({ address: '10.77.0.3' });
const SERVER_HEX = '0a4d0003';
const SNAME = Buffer.from('10.77.0.3').toString('hex').padEnd(128, '0');
const COOKIE = '63825363';
const NO_UUID = `6111${'00'.repeat(17)}`;
const PXE_CLIENT = '3c09505845436c69656e74';
const HTTP_CLIENT = '3c0a48545450436c69656e74';
const BOOT_AT_ONCE = '2b04060108ff';

const text = (value: string) => Buffer.from(value).toString('hex');
const bootFile = (name: string) => {
  const octets = (name.length + 1).toString(16).padStart(2, '0');
  return { field: text(name).padEnd(256, '0'), option: `43${octets}${text(name)}00` };
};

/** A reply as hexadecimal, put together by hand after RFC 2131 figure 1. */
function reply(
  header: { start: string; ciaddr?: string; giaddr?: string; mac: string; file: string },
  options: string,
) {
  const { start, ciaddr = '00000000', giaddr = '00000000', mac, file } = header;
  const all =
    `${start}${ciaddr}00000000${SERVER_HEX}${giaddr}${mac.padEnd(32, '0')}${SNAME}${file}${COOKIE}${options}ff`.replace(
      /\s/g,
      '',
    );
  return hex(all.padEnd(600, '0'));
}

const context = (discovery: 'binl' | 'bypass' = 'binl') =>
  aContext({ identity: SERVER }, settings({ discovery: sourced(discovery) }));

const ask = ({ payload, from, to }: CapturedDatagram, given = context()) =>
  answer(payload, to.port as ServerPort, from, given);

const captured = (name: string, index: number): CapturedDatagram => {
  const request = capturedRequests(name)[index];
  if (!request) throw new Error(`${name} has no request ${index}`);
  return request;
};

describe('a captured request is answered octet by octet', () => {
  test('of SeaBIOS with the iPXE ROM', () => {
    const { send } = ask(captured('bios-ipxe', 0));
    const { field, option } = bootFile('http://10.77.0.3:8080/ipxe/52-54-00-77-03-72');
    const xid = Buffer.from(captured('bios-ipxe', 0).payload.subarray(4, 8)).toString('hex');
    expect(send).toEqual({
      bytes: reply(
        { start: `02010600 ${xid} 0004 8000`, mac: '525400770372', file: field },
        `350102 3604${SERVER_HEX} ${PXE_CLIENT} ${NO_UUID} ${option}`,
      ),
      ...{ address: '255.255.255.255', port: 68, from: 67 },
    });
  });

  test('of OVMF x64, on 67 and then on 4011', () => {
    const { field, option } = bootFile('snponly.efi');
    const [discover, ack] = [captured('ovmf-x64', 0), captured('ovmf-x64', 2)];
    const options = `3604${SERVER_HEX} ${PXE_CLIENT} ${NO_UUID} ${option}`;
    const mac = '525400770010';
    expect(ask(discover).send).toEqual({
      bytes: reply({ start: '02010600 9239baa4 0000 8000', mac, file: field }, `350102 ${options}`),
      ...{ address: '255.255.255.255', port: 68, from: 67 },
    });
    const xid = Buffer.from(ack.payload.subarray(4, 8)).toString('hex');
    const rest = Buffer.from(ack.payload.subarray(8, 12)).toString('hex');
    expect(ask(ack).send).toEqual({
      bytes: reply({ start: `02010600 ${xid} ${rest}`, ciaddr: '0a4d0073', mac, file: field }, `350105 ${options}`),
      ...{ address: '10.77.0.115', port: 4011, from: 4011 },
    });
  });

  test('of OVMF x64 that shall not come to 4011', () => {
    const { field, option } = bootFile('snponly.efi');
    expect(ask(captured('ovmf-x64', 0), context('bypass')).send?.bytes).toEqual(
      reply(
        { start: '02010600 9239baa4 0000 8000', mac: '525400770010', file: field },
        `350102 3604${SERVER_HEX} ${PXE_CLIENT} ${NO_UUID} ${BOOT_AT_ONCE} ${option}`,
      ),
    );
  });

  test('of OVMF HTTP boot', () => {
    const { field, option } = bootFile('http://10.77.0.3:8080/boot/snponly.efi');
    expect(ask(captured('ovmf-x64-http', 0)).send?.bytes).toEqual(
      reply(
        { start: '02010600 21b55d76 0000 8000', mac: '5254007702aa', file: field },
        `350102 3604${SERVER_HEX} ${HTTP_CLIENT} ${NO_UUID} ${option}`,
      ),
    );
  });

  test('of U-Boot, which sends no machine identifier', () => {
    const { field, option } = bootFile('arm64/snponly.efi');
    expect(ask(captured('u-boot-arm64', 2)).send?.bytes).toEqual(
      reply(
        { start: '02010600 5253319a 0000 8000', mac: '525252525252', file: field },
        `350102 3604${SERVER_HEX} ${PXE_CLIENT} ${option}`,
      ),
    );
  });
});

describe('captured sessions', () => {
  const story = (name: string, discovery: 'binl' | 'bypass' = 'binl') => {
    const given = context(discovery);
    return capturedRequests(name).map((request) => {
      const { event } = ask(request, given);
      return `${request.to.port} ${event.event} ${event.file ?? event.reason ?? event.to}`;
    });
  };
  const script = (mac: string) => `http://10.77.0.3:8080/ipxe/${mac}`;

  test.each([
    ['ovmf-ia32', ['67 dhcp.offer ia32/snponly.efi', '67 dhcp.lease 10.77.0.104']],
    [
      'aavmf-arm64',
      ['67 dhcp.offer arm64/snponly.efi', '67 dhcp.lease 10.77.0.115', '4011 dhcp.ack arm64/snponly.efi'],
    ],
    [
      'ovmf-x64',
      [
        ...['67 dhcp.offer snponly.efi', '67 dhcp.lease 10.77.0.115', '4011 dhcp.ack snponly.efi'],
        ...[`67 dhcp.offer ${script('52-54-00-77-00-10')}`, '67 dhcp.lease 10.77.0.115'],
        `4011 dhcp.ack ${script('52-54-00-77-00-10')}`,
      ],
    ],
    [
      'ovmf-x64-http',
      [
        ...['67 dhcp.offer http://10.77.0.3:8080/boot/snponly.efi', '67 dhcp.lease 10.77.0.142'],
        ...[`67 dhcp.offer ${script('52-54-00-77-02-aa')}`, '67 dhcp.lease 10.77.0.142'],
      ],
    ],
    [
      'u-boot-arm64',
      [
        ...['67 dhcp.silent vendor-class', '67 dhcp.silent message-type'],
        ...['67 dhcp.offer arm64/snponly.efi', '67 dhcp.lease 10.77.0.132'],
      ],
    ],
  ])('%s are answered step by step', (name, expected) => {
    expect(story(name)).toEqual(expected);
  });

  test('of a chainloaded iPXE always get the script, so there is no loop', () => {
    const offers = story('undionly').filter((line) => line.includes('dhcp.offer'));
    expect(offers.length).toBeGreaterThan(3);
    expect(new Set(offers)).toEqual(new Set([`67 dhcp.offer ${script('52-54-00-77-07-03')}`]));
  });

  test.each(['bios-ipxe-menu', 'ovmf-x64-menu'])('of %s get their boot item back', (name) => {
    const ack = ask(captured(name, 2)).send;
    const packet = decodePacket(ack?.bytes ?? new Uint8Array());
    if ('silent' in packet) throw new Error(packet.reason);
    expect(packet.options.get(43)).toEqual(hex('47 04 80000000 ff'));
  });

  test('through a relay without changes reach the client by broadcast', () => {
    expect(ask(captured('relay', 0)).send).toMatchObject({ address: '255.255.255.255', port: 68 });
  });
});

describe('mutated packets of real firmware', () => {
  const names = ['bios-ipxe', 'bios-ipxe-menu', 'ovmf-x64', 'ovmf-x64-http', 'aavmf-arm64', 'u-boot-arm64', 'undionly'];
  const originals = names.flatMap((name) => capturedRequests(name));

  test('never throw, and are answered in at most 1472 octets', () => {
    const mutations = fc.array(fc.tuple(fc.nat(450), fc.nat(255)), { minLength: 1, maxLength: 8 });
    const given = context();
    fc.assert(
      fc.property(fc.constantFrom(...originals), mutations, fc.nat(500), (original, changes, cut) => {
        const payload = Uint8Array.from(original.payload);
        for (const [at, value] of changes) payload[at % payload.length] = value;
        const length = cut > 400 ? payload.length : Math.min(payload.length, cut);
        for (const port of [67, 4011] as const) {
          const { send } = answer(payload.subarray(0, length), port, original.from, given);
          expect(send?.bytes.length ?? 300).toBeGreaterThanOrEqual(300);
          expect(send?.bytes.length ?? 300).toBeLessThanOrEqual(1472);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
