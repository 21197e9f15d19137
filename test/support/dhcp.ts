import { type Answer, answer, type Context } from '../../src/dhcp/answer.ts';
import { Attempts } from '../../src/dhcp/attempts.ts';
import { encodePacket, type Packet } from '../../src/dhcp/codec/packet.ts';
import type { DhcpIdentity } from '../../src/dhcp/decide.ts';
import type { ServerPort } from '../../src/dhcp/request.ts';
import { SourceBudget } from '../../src/model/limits/source-budget.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import type { BootSettings } from '../../src/model/settings/node.ts';
import { aConfig, settings } from './config.ts';
import { type CapturedDatagram, readPcap } from './pcap.ts';

/** A server with all services and all boot files, changed as given. */
export function anIdentity(changes: Partial<DhcpIdentity> = {}): DhcpIdentity {
  return { address: '192.0.2.10', httpPort: 8080, tftp: true, http: true, hasBootFile: () => true, ...changes };
}

/** A budget that nobody exhausts. */
const aBudget = () => new SourceBudget({ burst: 1e9, perSecond: 0 }, () => {});

/** What an answer depends on: every machine boots, by these settings. */
export function aContext(changes: Partial<Context> = {}, unknown: BootSettings = settings()): Context {
  return {
    config: aConfig([], unknown),
    identity: anIdentity(),
    attempts: new Attempts(),
    facts: new KnownFacts(),
    budget: aBudget(),
    now: 0,
    ...changes,
  };
}

/** Text as octets. */
export const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** Octets in hexadecimal; blanks and line ends are for the reader. */
export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));

/** The options of UEFI x64 firmware, changed as given; undefined takes one away. */
function someOptions(changes: Readonly<Record<number, Uint8Array | undefined>> = {}): Map<number, Uint8Array> {
  const options: Record<number, Uint8Array | undefined> = {
    53: Uint8Array.of(1),
    60: ascii('PXEClient:Arch:00007:UNDI:003016'),
    93: Uint8Array.of(0, 7),
    94: Uint8Array.of(1, 3, 16),
    97: hex('00 33221100 5544 7766 8899 aabbccddeeff'),
    ...changes,
  };
  return new Map(
    Object.entries(options)
      .filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined)
      .map(([code, data]) => [Number(code), data]),
  );
}

/** A DISCOVER of UEFI x64 firmware at 52:54:00:00:00:01, changed as given. */
export function aPacket(
  options: Readonly<Record<number, Uint8Array | undefined>> = {},
  changes: Partial<Packet> = {},
): Packet {
  return {
    op: 1,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 0x01020304,
    secs: 4,
    flags: 0,
    ciaddr: '0.0.0.0',
    yiaddr: '0.0.0.0',
    siaddr: '0.0.0.0',
    giaddr: '0.0.0.0',
    chaddr: hex('525400000001 00000000000000000000'),
    sname: new Uint8Array(),
    file: new Uint8Array(),
    options: someOptions(options),
    ...changes,
  };
}

/** What comes of a packet. */
export function ask(packet: Packet, port: ServerPort = 67, context: Context = aContext()): Answer {
  const sender = port === 67 ? { address: '0.0.0.0', port: 68 } : { address: '192.0.2.100', port: 4011 };
  return answer(encodePacket(packet), port, sender, context);
}

/** The DHCP requests of a capture, those on 67 and on 4011. */
export function capturedRequests(name: string): readonly CapturedDatagram[] {
  return readPcap(new URL(`../fixtures/dhcp/${name}.pcap`, import.meta.url)).filter(
    ({ to, payload }) => (to.port === 67 || to.port === 4011) && payload[0] === 1,
  );
}
