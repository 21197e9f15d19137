import { describe, expect, test } from 'vitest';
import { answer } from '../../src/dhcp/answer.ts';
import { Attempts } from '../../src/dhcp/attempts.ts';
import { decodePacket, encodePacket } from '../../src/dhcp/codec/packet.ts';
import { missingOnce } from '../../src/dhcp/server.ts';
import type { BootEvent } from '../../src/model/event.ts';
import { SourceBudget } from '../../src/model/limits/source-budget.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import type { Rule } from '../../src/model/settings/node.ts';
import { aConfig, aNode, ignored, mac, settings } from '../support/config.ts';
import { aContext, anIdentity, aPacket, ascii, ask, hex } from '../support/dhcp.ts';

const MAC = mac('52:54:00:00:00:01');
const FROM = { address: '0.0.0.0', port: 68 };
const GUID = '00:02:c9:03:00:00:10:39';

describe('what is noted', () => {
  test('of an OFFER: who, what and where to', () => {
    expect(ask(aPacket()).event).toMatchObject({
      ...{ event: 'dhcp.offer', level: 'info', mac: MAC, arch: 7, client: 'pxe', file: 'snponly.efi' },
      ...{ uuid: '00112233-4455-6677-8899-aabbccddeeff', to: '255.255.255.255:68' },
    });
  });

  test('of an ACK likewise', () => {
    const { event } = ask(aPacket({ 53: hex('03') }), 4011);
    expect(event).toMatchObject({ event: 'dhcp.ack', mac: MAC, file: 'snponly.efi', to: '192.0.2.100:4011' });
  });

  test('of silence: the reason', () => {
    const outcome = ask(aPacket({ 60: ascii('MSFT 5.0') }));
    expect(outcome.send).toBeUndefined();
    expect(outcome.event).toMatchObject({ event: 'dhcp.silent', level: 'debug', reason: 'vendor-class', port: 67 });
  });

  const asksFor = (address: string) => ({ 53: hex('03'), 50: hex(address), 54: hex('c0000201') });

  test('of a lease that a machine asks another server for: its address', () => {
    expect(ask(aPacket(asksFor('c0000264')))).toEqual({
      event: expect.objectContaining({ event: 'dhcp.lease', level: 'debug', mac: MAC, to: '192.0.2.100' }),
    });
  });

  test.each([
    ['of a system that does not boot from the network', { 60: ascii('MSFT 5.0') }],
    ['that is no address', { 50: hex('c000') }],
    ['with a message of another type', { 53: hex('07') }],
  ])('of a lease %s: nothing', (_, changes) => {
    expect(ask(aPacket({ ...asksFor('c0000264'), ...changes })).event.event).toBe('dhcp.silent');
  });

  test('of leases: no more than a machine asks for', () => {
    const context = aContext({ budget: new SourceBudget({ burst: 2, perSecond: 0 }, () => {}) });
    const asked = [1, 2, 3].map(() => ask(aPacket(asksFor('c0000264')), 67, context).event.event);
    expect(asked).toEqual(['dhcp.lease', 'dhcp.lease', 'dhcp.silent']);
  });

  test('of what was guessed: from what', () => {
    const bios = { 60: ascii('PXEClient:Arch:00000:UNDI:002001'), 93: hex('0000') };
    const pi = aPacket(bios, { chaddr: hex('88a29e000001 00000000000000000000') });
    expect(ask(pi).event.message).toBe(
      'OFFER to 88:a2:9e:00:00:01 (raspberry-pi by the prefix 88:a2:9e of its address): the boot server only',
    );
    expect(ask(aPacket(bios)).event).toMatchObject({ client: 'pxe', by: '0 in option 93', file: 'undionly.kpxe' });
    const firmware = { value: 'raspberry-pi', from: 'nodes.pi.firmware' } as const;
    const config = aConfig([aNode({ settings: settings({ firmware }) })]);
    const { event } = ask(aPacket(bios), 67, aContext({ config }));
    expect(event).toMatchObject({ client: 'raspberry-pi', by: 'nodes.pi.firmware', file: undefined });
  });

  test('of options that do not add up: which, with an answer by what is sound', () => {
    const broken = (options: Parameters<typeof aPacket>[0]) => {
      const bytes = Buffer.from(encodePacket(aPacket(options)));
      const end = bytes.lastIndexOf(0xff);
      return answer(Buffer.concat([bytes.subarray(0, end), hex('0cc841')]), 67, FROM, aContext());
    };
    const { event, send } = broken({});
    expect(event).toMatchObject({ event: 'dhcp.offer', malformed: 'option 12 runs past the end' });
    expect(send).toEqual(ask(aPacket()).send);
    // What is missing then is the reason for the silence.
    for (const missing of [53, 60]) {
      expect(broken({ [missing]: undefined }).event).toMatchObject({
        reason: 'malformed',
        detail: 'option 12 runs past the end',
      });
    }
  });

  test('of a machine that asks too often: that it does', () => {
    const told: string[] = [];
    const context = aContext({ budget: new SourceBudget({ burst: 2, perSecond: 0 }, (source) => told.push(source)) });
    expect([1, 2, 3, 4].map(() => ask(aPacket(), 67, context).event.event)).toEqual([
      ...['dhcp.offer', 'dhcp.offer', 'dhcp.silent', 'dhcp.silent'],
    ]);
    expect(ask(aPacket({ 53: hex('03') }), 4011, context).event).toMatchObject({ reason: 'too-often', mac: MAC });
    expect(told).toEqual([MAC]);
    expect(ask(aPacket({}, { chaddr: hex('525400000002 00000000000000000000') }), 67, context).send).toBeDefined();
  });

  test('of a missing boot file: its name', () => {
    const identity = anIdentity({ hasBootFile: () => false });
    expect(ask(aPacket(), 67, aContext({ identity })).missing).toBe('snponly.efi');
  });
});

describe('the configuration', () => {
  test('is asked for the address of the machine', () => {
    const config = aConfig([aNode()], ignored());
    expect(ask(aPacket(), 67, aContext({ config })).event).toMatchObject({ event: 'dhcp.offer', mac: MAC });
    const stranger = aPacket({}, { chaddr: hex('525400000002 00000000000000000000') });
    expect(ask(stranger, 67, aContext({ config })).event).toMatchObject({ reason: 'ignored' });
  });

  const infiniband = (id: Uint8Array | undefined) =>
    aPacket({ 61: id, 77: ascii('iPXE') }, { htype: 32, hlen: 0, chaddr: new Uint8Array(16) });

  test('may know an InfiniBand port by any of its spellings', () => {
    const config = aConfig([aNode({ macs: [mac(GUID)] })], ignored());
    const { event, send } = ask(
      infiniband(hex('20 80000048fe80000000000000 0002c90300001039')),
      67,
      aContext({ config }),
    );
    expect(event).toMatchObject({ mac: GUID, file: 'http://192.0.2.10:8080/ipxe/00-02-c9-03-00-00-10-39' });
    expect(decodePacket(send?.bytes ?? new Uint8Array())).toMatchObject({ htype: 32, hlen: 0 });
  });

  test('has the rule "unknown" for an InfiniBand port that does not tell its address', () => {
    const context = aContext({ config: aConfig([], settings()) });
    expect(ask(infiniband(undefined), 67, context).event).toMatchObject({ file: 'http://192.0.2.10:8080/ipxe' });
    const ignoring = aContext({ config: aConfig([], ignored()) });
    expect(ask(infiniband(undefined), 67, ignoring).event).toMatchObject({ reason: 'ignored' });
  });
});

describe('a UEFI machine that does not get further', () => {
  const way = (context = aContext(), xid = 1) => {
    const packet = decodePacket(ask(aPacket({}, { xid }), 67, context).send?.bytes ?? new Uint8Array());
    if ('silent' in packet) throw new Error(packet.reason);
    return packet.options.has(43) ? 'bypass' : 'binl';
  };

  test('is told the other way at the third attempt', () => {
    const context = aContext();
    expect([1, 2, 3, 4, 5].map((xid) => way(context, xid))).toEqual(['binl', 'binl', 'bypass', 'bypass', 'binl']);
  });

  test('may repeat itself within one attempt', () => {
    const context = aContext();
    expect([1, 1, 1, 1, 2, 2].map((xid) => way(context, xid))).toEqual(Array(6).fill('binl'));
  });

  test('begins anew once it came to the boot server, or as iPXE', () => {
    const context = aContext();
    way(context, 1);
    way(context, 2);
    ask(aPacket({ 53: hex('03') }), 4011, context);
    expect([way(context, 3), way(context, 4)]).toEqual(['binl', 'binl']);
    ask(aPacket({ 77: ascii('iPXE') }), 67, context);
    expect([way(context, 5), way(context, 6), way(context, 7)]).toEqual(['binl', 'binl', 'bypass']);
  });

  test('is not remembered where the configuration ignores it', () => {
    const attempts = new Attempts();
    ask(aPacket(), 67, aContext({ config: aConfig([], ignored()), attempts }));
    expect(attempts.size).toBe(0);
  });
});

describe('the memory of attempts', () => {
  test('forgets after ten minutes', () => {
    const attempts = new Attempts();
    expect(attempts.begin(MAC, 1, 0)).toBe(1);
    expect(attempts.begin(MAC, 2, 599_999)).toBe(2);
    expect(attempts.begin(MAC, 3, 2_000_000)).toBe(1);
  });

  test('is bounded, and loses the machine that was silent longest', () => {
    const attempts = new Attempts();
    const address = (n: number) => mac(`0200${n.toString(16).padStart(8, '0')}`);
    for (let n = 0; n < 4096; n++) attempts.begin(address(n), 1, n);
    attempts.begin(address(0), 2, 5000);
    attempts.begin(address(9999), 1, 5001);
    expect(attempts.size).toBe(4096);
    expect(attempts.begin(address(0), 3, 5002)).toBe(3);
    expect(attempts.begin(address(1), 2, 5003)).toBe(1);
  });
});

test('a missing boot file is warned of once', () => {
  const events: BootEvent[] = [];
  const noteMissing = missingOnce((event) => events.push(event));
  for (const file of ['snponly.efi', 'snponly.efi', 'arm64/snponly.efi']) noteMissing(file);
  expect(events.map(({ level, file }) => [level, file])).toEqual([
    ['warn', 'snponly.efi'],
    ['warn', 'arm64/snponly.efi'],
  ]);
});

describe('a machine that no node has by its address', () => {
  const rule: Rule = {
    name: 'dell',
    criteria: { facts: { manufacturer: ['Dell*'], relay: ['10.2.0.1'] }, labels: {} },
    settings: settings(),
  };
  const context = (facts = new KnownFacts()) =>
    aContext({ config: { ...aConfig([], ignored()), rules: [rule] }, facts });
  const relayed = (giaddr: string) => aPacket({}, { giaddr });

  test('is answered where it may fit a rule by what iPXE will tell', () => {
    expect(ask(relayed('10.2.0.1'), 67, context()).event).toMatchObject({
      event: 'dhcp.offer',
      why: expect.stringContaining('but manufacturer may tell more'),
    });
  });

  test('is ignored where it cannot', () => {
    expect(ask(relayed('10.3.0.1'), 67, context()).event).toMatchObject({ event: 'dhcp.silent', reason: 'ignored' });
  });

  test('is ignored once iPXE has told that it does not', () => {
    const facts = new KnownFacts();
    facts.noteTold(MAC, { manufacturer: 'HPE' });
    expect(ask(relayed('10.2.0.1'), 67, context(facts)).event).toMatchObject({ reason: 'ignored' });
  });

  test('is remembered with what DHCP tells', () => {
    const facts = new KnownFacts();
    const agent = hex('0104 45746831 0202 0aff');
    ask(aPacket({ 82: agent }, { giaddr: '10.2.0.1' }), 67, context(facts));
    expect(facts.of(MAC)).toEqual({
      ...{ mac: MAC, uuid: '00112233-4455-6677-8899-aabbccddeeff', relay: '10.2.0.1', circuit: 'Eth1', remote: '0aff' },
      ...{ firmware: 'uefi-pxe', arch: 'x86_64' },
    });
  });
});
