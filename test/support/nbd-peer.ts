import { connect, type Socket } from 'node:net';

/** What a server said to an option. */
export interface OptionReply {
  readonly type: number;
  readonly data: Buffer;
}

/** A client that speaks NBD by the byte, so that it can say what no good client would. */
export class NbdPeer {
  private received = Buffer.alloc(0);
  private over = false;
  private wake = () => {};
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.over = true;
      this.wake();
    });
  }

  /** Connects to `ADDRESS:PORT`. */
  static async connect(place: string): Promise<NbdPeer> {
    const [host, port] = place.split(':');
    const socket = connect({ host: host ?? '', port: Number(port) });
    const peer = new NbdPeer(socket);
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    return peer;
  }

  send(...parts: readonly (Uint8Array | string)[]): void {
    this.socket.write(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part))));
  }

  /** Exactly so many bytes. @throws if the connection ends before */
  async take(length: number): Promise<Buffer> {
    while (this.received.length < length) {
      if (this.over) throw new Error(`closed with ${this.received.length} of ${length} bytes`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const bytes = this.received.subarray(0, length);
    this.received = this.received.subarray(length);
    return bytes;
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<void> {
    while (!this.over) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** The greeting's answer: fixed newstyle, no zeroes unless told otherwise. */
  async greet(flags = 3): Promise<void> {
    await this.take(18);
    this.send(Buffer.from([0, 0, 0, flags]));
  }

  option(option: number, data: Uint8Array = Buffer.alloc(0), length = data.length): void {
    const head = Buffer.from('49484156454f50540000000000000000', 'hex');
    head.writeUInt32BE(option, 8);
    head.writeUInt32BE(length, 12);
    this.send(head, data);
  }

  async reply(): Promise<OptionReply> {
    const head = await this.take(20);
    return { type: head.readUInt32BE(12), data: await this.take(head.readUInt32BE(16)) };
  }

  /** The data of NBD_OPT_GO and NBD_OPT_INFO. */
  static info(name: string, wanted: readonly number[] = []): Buffer {
    const data = Buffer.alloc(6 + name.length + 2 * wanted.length);
    data.writeUInt32BE(name.length, 0);
    data.write(name, 4, 'latin1');
    data.writeUInt16BE(wanted.length, 4 + name.length);
    for (const [i, type] of wanted.entries()) data.writeUInt16BE(type, 6 + name.length + 2 * i);
    return data;
  }

  /** Chooses an export by NBD_OPT_GO and gives its size, or undefined where there is none. */
  async go(name: string): Promise<number | undefined> {
    await this.greet();
    this.option(7, NbdPeer.info(name));
    let size: number | undefined;
    for (;;) {
      const { type, data } = await this.reply();
      if (type === 3 && data.readUInt16BE(0) === 0) size = Number(data.readBigUInt64BE(2));
      if (type === 1 || type >= 0x80000000) return size;
    }
  }

  request(type: number, offset: number | bigint, length: number, cookie = 7n, flags = 0): void {
    const bytes = Buffer.alloc(28);
    bytes.writeUInt32BE(0x25609513, 0);
    bytes.writeUInt16BE(flags, 4);
    bytes.writeUInt16BE(type, 6);
    bytes.writeBigUInt64BE(cookie, 8);
    bytes.writeBigUInt64BE(BigInt(offset), 16);
    bytes.writeUInt32BE(length, 24);
    this.send(bytes);
  }

  /** The head of a reply; `length` bytes of data follow where there was no error. */
  async answer(length = 0): Promise<{ readonly error: number; readonly cookie: bigint; readonly data: Buffer }> {
    const head = await this.take(16);
    const error = head.readUInt32BE(4);
    return { error, cookie: head.readBigUInt64BE(8), data: await this.take(error === 0 ? length : 0) };
  }
}
