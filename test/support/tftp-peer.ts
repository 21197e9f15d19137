import { createSocket, type Socket } from 'node:dgram';
import { decodePacket, encodePacket, type Malformed, type Option, type Packet } from '../../src/tftp/packet.ts';

/** A packet as it came, with the port that it came from. */
export interface Arrival {
  readonly packet: Packet | Malformed;
  readonly port: number;
}

/** A TFTP client that does only what a test tells it to, on the loopback interface. */
export class Peer {
  private readonly arrived: Arrival[] = [];
  private waiting: ((arrival: Arrival) => void) | undefined;
  private readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (datagram, { port }) => {
      const arrival = { packet: decodePacket(Buffer.from(datagram)), port };
      if (this.waiting) this.waiting(arrival);
      else this.arrived.push(arrival);
      this.waiting = undefined;
    });
  }

  /** @param address the client's own, anywhere in 127.0.0.0/8 */
  static open(address = '127.0.0.1'): Promise<Peer> {
    const socket = createSocket('udp4');
    return new Promise((resolve) => socket.bind(0, address, () => resolve(new Peer(socket))));
  }

  /** Its own. */
  get port(): number {
    return this.socket.address().port;
  }

  close(): void {
    this.socket.close();
  }

  send(port: number, packet: Packet | Uint8Array): void {
    this.socket.send(packet instanceof Uint8Array ? packet : encodePacket(packet), port, '127.0.0.1');
  }

  /** Sends a read request. */
  ask(port: number, filename: string, options: readonly Option[] = [], mode = 'octet'): void {
    this.send(port, { kind: 'read', filename, mode, options });
  }

  /** Resolves with the oldest packet not yet taken, or the next one. */
  next(): Promise<Arrival> {
    const arrival = this.arrived.shift();
    if (arrival) return Promise.resolve(arrival);
    return new Promise((resolve) => {
      this.waiting = resolve;
    });
  }

  /** What has arrived and was not taken. */
  get pending(): readonly Arrival[] {
    return this.arrived;
  }

  /** Downloads a file whole with windows of 1. `first` is the server's first answer, already taken. */
  async fetch(first: Arrival, blksize = 512): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let arrival = first; ; arrival = await this.next()) {
      const { packet, port } = arrival;
      if (packet.kind === 'error') throw new Error(`ERROR ${packet.code} ${packet.message}`);
      if (packet.kind === 'oack') this.send(port, { kind: 'ack', block: 0 });
      if (packet.kind !== 'data') continue;
      if (packet.block === ((parts.length + 1) & 0xffff)) parts.push(packet.payload);
      this.send(port, { kind: 'ack', block: packet.block });
      if ((parts.at(-1)?.length ?? blksize) < blksize) return Buffer.concat(parts);
    }
  }
}
