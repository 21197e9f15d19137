/**
 * Sends random packets and mutated requests of real firmware, to be run inside a namespace:
 * `node --import tsx test/support/udp-flood.ts ADDRESS COUNT PORT...`. COUNT goes to each port, every second datagram to
 * port 67 by broadcast. Prints how many were sent.
 */
import { createSocket } from 'node:dgram';
import { capturedRequests } from './dhcp.ts';

const [address = '127.0.0.1', count = '0', ...ports] = process.argv.slice(2);
const originals = ['bios-ipxe', 'ovmf-x64', 'ovmf-x64-http', 'u-boot-arm64'].flatMap((name) => capturedRequests(name));

/** A small generator with a fixed seed (mulberry32), so that a failure can be repeated. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const random = generator(4011);

function junk(): Uint8Array {
  return Uint8Array.from({ length: random(600) }, () => random(256));
}

function mutated(): Uint8Array {
  const payload = Uint8Array.from(originals[random(originals.length)]?.payload ?? []);
  for (let changes = random(8); changes >= 0; changes--) payload[random(payload.length)] = random(256);
  return random(8) === 0 ? payload.subarray(0, random(payload.length)) : payload;
}

const socket = createSocket('udp4');
const send = (bytes: Uint8Array, port: number, to: string) =>
  new Promise<void>((resolve) => socket.send(bytes, port, to, () => resolve()));

socket.bind(0, async () => {
  socket.setBroadcast(true);
  let sent = 0;
  for (let n = 0; n < Number(count); n += 50) {
    const batch = ports.flatMap((port) =>
      Array.from({ length: 50 }, (_, i) =>
        send(
          i % 3 === 0 ? junk() : mutated(),
          Number(port),
          port === '67' && i % 2 === 0 ? '255.255.255.255' : address,
        ),
      ),
    );
    await Promise.all(batch);
    sent += batch.length;
  }
  console.log(JSON.stringify({ sent }));
  socket.close();
});
