import { readFileSync } from 'node:fs';

/** A UDP datagram over IPv4 as it stood on the wire. */
export interface CapturedDatagram {
  readonly from: { readonly address: string; readonly port: number };
  readonly to: { readonly address: string; readonly port: number };
  readonly payload: Uint8Array;
}

const ETHERTYPE_IPV4 = 0x0800;
const UDP = 17;

function readFrame(frame: Buffer): CapturedDatagram | undefined {
  if (frame.length < 42 || frame.readUInt16BE(12) !== ETHERTYPE_IPV4) return undefined;
  const ip = frame.subarray(14);
  if (ip[9] !== UDP || (ip.readUInt16BE(6) & 0x1fff) !== 0) return undefined;
  const udp = ip.subarray(((ip[0] ?? 0) & 15) * 4, ip.readUInt16BE(2));
  return {
    from: { address: ip.subarray(12, 16).join('.'), port: udp.readUInt16BE(0) },
    to: { address: ip.subarray(16, 20).join('.'), port: udp.readUInt16BE(2) },
    payload: Uint8Array.from(udp.subarray(8)),
  };
}

/**
 * The UDP datagrams of a capture (classic pcap, Ethernet, either byte order), in order.
 * @throws if the file is no such capture
 */
export function readPcap(file: string | URL): readonly CapturedDatagram[] {
  const bytes = readFileSync(file);
  const magic = bytes.readUInt32LE(0);
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  if (![0xa1b2c3d4, 0xa1b23c4d].includes(u32(0)) || u32(20) !== 1) throw new Error(`${file} is no Ethernet capture`);
  const datagrams: CapturedDatagram[] = [];
  for (let at = 24; at + 16 <= bytes.length; at += 16 + u32(at + 8)) {
    const datagram = readFrame(bytes.subarray(at + 16, at + 16 + u32(at + 8)));
    if (datagram) datagrams.push(datagram);
  }
  return datagrams;
}
