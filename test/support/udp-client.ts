/**
 * A UDP client to be run inside a namespace: `node --import tsx test/support/udp-client.ts`, with what it shall do on
 * standard input: `{ "port": 68, "send": [{ "hex": "...", "address": "255.255.255.255", "port": 67 }] }`. Prints one JSON
 * object per datagram that comes, and `ready` once everything is sent; ends on a signal.
 */
import { createSocket } from 'node:dgram';
import { text } from 'node:stream/consumers';

interface Job {
  readonly port: number;
  readonly send: readonly { readonly hex: string; readonly address: string; readonly port: number }[];
}

const job = JSON.parse(await text(process.stdin)) as Job;
const socket = createSocket({ type: 'udp4', reuseAddr: true });
const print = (object: object): void => console.log(JSON.stringify(object));

socket.on('message', (bytes, { address, port }) => print({ from: `${address}:${port}`, hex: bytes.toString('hex') }));
socket.bind({ address: '0.0.0.0', port: job.port }, async () => {
  socket.setBroadcast(true);
  for (const { hex, address, port } of job.send) {
    await new Promise<void>((resolve, reject) => {
      socket.send(Buffer.from(hex, 'hex'), port, address, (error) => (error ? reject(error) : resolve()));
    });
  }
  print({ event: 'ready' });
});
