/**
 * Machines that power on within one second: one DISCOVER each, as a BIOS sends it.
 * `node --import tsx test/bench/power-on.ts '{"address":"192.0.2.10","machines":10000}'` prints one JSON object.
 */
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { encodePacket } from '../../src/dhcp/codec/packet.ts';
import { openSyscalls } from '../../src/model/sockets/syscalls.ts';
import { aPacket, ascii } from '../support/dhcp.ts';

/** Machines that were answered, and milliseconds from the last question to the last answer. */
export interface PowerOnResult {
  readonly answered: number;
  readonly late: number;
}

/** Milliseconds without an answer after which none is awaited any more. */
const SILENCE = 3000;

const { address, machines } = JSON.parse(process.argv[2] ?? '{}') as { address: string; machines: number };
const requests = Array.from({ length: machines }, (_, i) => {
  const chaddr = Uint8Array.of(0x52, 0x54, 0, i >> 16, i >> 8, i, ...new Uint8Array(10));
  const options = { 60: ascii('PXEClient:Arch:00000:UNDI:002001'), 93: Uint8Array.of(0, 0) };
  return encodePacket(aPacket(options, { xid: i + 1, chaddr }));
});

const answered = new Set<number>();
const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
let heardAt = 0;
socket.on('message', (bytes, from) => {
  if (from.address !== address) return;
  answered.add(bytes.readUInt32BE(4));
  heardAt = performance.now();
});
await new Promise<void>((resolve) => socket.bind(68, resolve));
socket.setBroadcast(true);
// What this program misses would count as not answered.
const { _handle: handle } = socket as unknown as { readonly _handle: { readonly fd: number } };
(await openSyscalls()).syscalls?.growReceiveBuffer(handle.fd, 1 << 26);

const started = performance.now();
let sent = 0;
let sentAt = started;
const timer = setInterval(() => {
  const now = performance.now();
  for (; sent < machines && sent < (now - started) * (machines / 1000); sent++) {
    socket.send(requests[sent] ?? '', 67, '255.255.255.255');
    sentAt = now;
  }
  if (sent < machines || (answered.size < machines && now < Math.max(sentAt, heardAt) + SILENCE)) return;
  clearInterval(timer);
  const result: PowerOnResult = { answered: answered.size, late: heardAt - sentAt };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}, 1);
