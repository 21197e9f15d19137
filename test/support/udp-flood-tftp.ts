/**
 * Sends random packets and mutated TFTP packets to port 69, to be run inside a namespace:
 * `node --import tsx test/support/udp-flood-tftp.ts ADDRESS COUNT NAME`. NAME is a file that the server has. Prints how
 * many were sent.
 */
import { createSocket, type Socket } from 'node:dgram';
import { encodePacket } from '../../src/tftp/packet.ts';

const [address = '127.0.0.1', count = '0', name = ''] = process.argv.slice(2);
/** So many clients it seems to be: requests of one of them replace each other. */
const CLIENTS = 40;
const BATCH = 50;

/** A generator with a fixed seed (a linear congruence), so that a failure can be repeated. */
let state = 69;
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state >>> 8) % below;
}

const request = (kind: 'read' | 'write', filename: string, mode: string, ...options: [string, string][]): Uint8Array =>
  encodePacket({ kind, filename, mode, options });

const originals = [
  request('read', name, 'octet'),
  request('read', name, 'octet', ['tsize', '0'], ['blksize', '1468'], ['windowsize', '4']),
  request('read', name, 'netascii', ['timeout', '255'], ['blksize', '65464'], ['windowsize', '65535']),
  request('read', `../../${name}`, 'octet'),
  request('read', `\\\\${name}\xff`, 'OCTET', ['blksize', '8']),
  request('write', name, 'octet'),
  encodePacket({ kind: 'data', block: 1, payload: Buffer.alloc(512) }),
  encodePacket({ kind: 'ack', block: 0 }),
  encodePacket({ kind: 'error', code: 8, message: 'User aborted the transfer' }),
  encodePacket({ kind: 'oack', options: [['tsize', '0']] }),
];

function packet(): Uint8Array {
  if (random(3) === 0) return Uint8Array.from({ length: random(600) }, () => random(256));
  const bytes = Uint8Array.from(originals[random(originals.length)] ?? []);
  for (let changes = random(6); changes > 0; changes--) bytes[random(bytes.length)] = random(256);
  return random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

const bound = (): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.bind(0, () => resolve(socket));
  });

const sockets = await Promise.all(Array.from({ length: CLIENTS }, bound));
let sent = 0;
while (sent < Number(count)) {
  const batch = Array.from({ length: BATCH }, (_, index) => {
    const socket = sockets[(sent + index) % CLIENTS];
    return new Promise<void>((resolve) => socket?.send(packet(), 69, address, () => resolve()));
  });
  await Promise.all(batch);
  sent += BATCH;
}
console.log(`sent ${sent}`);
process.exit(0);
