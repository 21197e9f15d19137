/**
 * Machines that boot from the network at once, each as BIOS, iPXE and an initrd do: DISCOVER, iPXE by TFTP, DISCOVER
 * again, the script, then every file that it names, checked by its digest.
 * `node --import tsx test/bench/boot-load.ts '{"address":"192.0.2.10","machines":64}'` prints one JSON object.
 */
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { decodePacket, encodePacket, type Packet } from '../../src/dhcp/codec/packet.ts';
import { decodePacket as decodeTftp, encodePacket as encodeTftp, type Packet as Tftp } from '../../src/tftp/packet.ts';
import { aPacket, ascii } from '../support/dhcp.ts';

/** Machines that have everything, what they had to ask for again, and the seconds that the last one took. */
export interface BootResult {
  readonly finished: number;
  readonly failures: readonly string[];
  readonly retries: { readonly dhcp: number; readonly tftp: number; readonly http: number };
  readonly bytes: number;
  readonly seconds: number;
}

/** Milliseconds that iPXE waits at first for an answer to a DISCOVER and to a TFTP packet; the wait doubles. */
const PATIENCE = { dhcp: 1000, tftp: 1000 };
const ATTEMPTS = 5;

const { address, machines } = JSON.parse(process.argv[2] ?? '{}') as { address: string; machines: number };
const retries = { dhcp: 0, tftp: 0, http: 0 };
let bytes = 0;

const bind = (port: number) =>
  new Promise<Socket>((resolve) => {
    const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
    socket.bind(port, () => resolve(socket));
  });

/** All machines share port 68, as they share a network: answers are told apart by their transaction. */
const dhcp = await bind(68);
dhcp.setBroadcast(true);
const asked = new Map<number, (offer: Packet) => void>();
dhcp.on('message', (datagram) => {
  const packet = decodePacket(datagram);
  if (!('silent' in packet)) asked.get(packet.xid)?.(packet);
});

async function discover(machine: number, xid: number, options: Readonly<Record<number, Uint8Array>>): Promise<string> {
  const chaddr = Uint8Array.of(0x52, 0x54, 0, 0, 0, machine, ...new Uint8Array(10));
  const request = encodePacket(aPacket({ 93: Uint8Array.of(0, 0), ...options }, { xid, chaddr }));
  const offered = new Promise<Packet>((resolve) => asked.set(xid, resolve));
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) retries.dhcp++;
    dhcp.send(request, 67, '255.255.255.255');
    const offer = await Promise.race([offered, pause(PATIENCE.dhcp << attempt)]);
    if (!offer) continue;
    const file = offer.file.length > 0 ? offer.file : (offer.options.get(67) ?? new Uint8Array());
    return Buffer.from(file).toString('latin1').replace(/\0.*/s, '');
  }
  throw new Error('no OFFER');
}

/** Downloads a file with windows of one block, as iPXE does; a packet that is not answered in time is sent again. */
async function tftp(name: string): Promise<number> {
  const socket = await bind(0);
  const arrived: { packet: Tftp; port: number }[] = [];
  let wake = () => {};
  socket.on('message', (datagram, { port }) => {
    const packet = decodeTftp(Buffer.from(datagram));
    if (packet.kind === 'malformed') return;
    arrived.push({ packet, port });
    wake();
  });
  let last: Tftp = {
    kind: 'read',
    filename: name,
    mode: 'octet',
    options: [
      ['blksize', '1432'],
      ['tsize', '0'],
    ],
  };
  let [server, block, size, missed] = [69, 0, 0, 0];
  const send = (packet: Tftp) => {
    last = packet;
    socket.send(encodeTftp(packet), server, address);
  };
  send(last);
  try {
    for (;;) {
      const timer = arrived.length > 0 ? undefined : setTimeout(() => wake(), PATIENCE.tftp << missed);
      if (timer) await new Promise<void>((resolve) => (wake = resolve));
      clearTimeout(timer);
      const next = arrived.shift();
      if (!next) {
        retries.tftp++;
        if (++missed >= ATTEMPTS) throw new Error(`TFTP: silence at block ${block}`);
        send(last);
        continue;
      }
      missed = 0;
      server = next.port;
      const { packet } = next;
      if (packet.kind === 'error') throw new Error(`TFTP: ${packet.message}`);
      if (packet.kind === 'oack') send({ kind: 'ack', block: 0 });
      if (packet.kind !== 'data' || packet.block !== ((block + 1) & 0xffff)) continue;
      block++;
      size += packet.payload.length;
      send({ kind: 'ack', block: packet.block });
      if (packet.payload.length < 1432) return size;
    }
  } finally {
    socket.close();
  }
}

/** Downloads a file; one whose name holds its digest is checked. */
async function http(url: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) =>
        get(url, { agent: false }, resolve).on('error', reject),
      );
      const digest = /\/blobs\/sha256\/([0-9a-f]{64})\//.exec(url)?.[1];
      if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode}`);
      if (digest === undefined) return Buffer.concat(await response.toArray()).toString();
      const hash = createHash('sha256');
      response.on('data', (chunk) => {
        bytes += chunk.length;
      });
      await pipeline(response, hash);
      if (hash.digest('hex') !== digest) throw new Error(`${url}: other bytes`);
      return '';
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      retries.http++;
      await pause(1000);
    }
  }
}

async function boot(machine: number): Promise<void> {
  const name = await discover(machine, 2 * machine, { 60: ascii('PXEClient:Arch:00000:UNDI:002001') });
  bytes += await tftp(name);
  const ipxe = { 60: ascii('PXEClient:Arch:00000:UNDI:002001'), 77: ascii('iPXE') };
  const script = await http(await discover(machine, 2 * machine + 1, ipxe));
  const urls = new Set(script.match(/http:\/\/\S+\/blobs\/sha256\/[0-9a-f]{64}\/[^\s"'|]+/g));
  if (urls.size !== 3) throw new Error(`the script names ${urls.size} files`);
  for (const url of urls) await http(url);
}

const started = performance.now();
const outcomes = await Promise.allSettled(Array.from({ length: machines }, (_, i) => boot(i + 1)));
const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
const result: BootResult = {
  finished: machines - failures.length,
  failures: [...new Set(failures)],
  retries,
  bytes,
  seconds: (performance.now() - started) / 1000,
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
