import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { BootEvent } from '../../src/model/event.ts';
import { memoryFile, type RandomAccessFile } from '../../src/model/files/random-access.ts';
import type { Service } from '../../src/model/sockets/service.ts';
import type { NbdLimits } from '../../src/nbd/limits.ts';
import { startNbd } from '../../src/nbd/server.ts';
import { NbdPeer } from '../support/nbd-peer.ts';

const NAME = 'a'.repeat(64);
const CONTENT = Buffer.alloc(300 * 1024, 'slipway reads on demand ');

/** What a test starts, undone after it. */
const cleanup: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

let events: BootEvent[];
let opened: number;
let closed: number;

async function serve(limits: Partial<NbdLimits> = {}, changes: Partial<RandomAccessFile> = {}): Promise<Service> {
  events = [];
  opened = 0;
  closed = 0;
  const server = await startNbd({
    address: '127.0.0.1',
    port: 0,
    record: (event) => events.push(event),
    now: () => performance.now(),
    limits: { chunk: 64 * 1024, ...limits },
    exports: {
      names: () => [NAME],
      open: async (name) => {
        if (name !== NAME) return undefined;
        opened += 1;
        return {
          ...memoryFile(CONTENT),
          close: async () => {
            closed += 1;
          },
          ...changes,
        };
      },
    },
  });
  cleanup.push(() => server.stop());
  return server;
}

async function peerOf({ listening }: Service): Promise<NbdPeer> {
  const peer = await NbdPeer.connect(listening[0] ?? '');
  cleanup.push(() => peer.socket.destroy());
  return peer;
}

/** A client that has chosen the export. */
async function reader(server: Service): Promise<NbdPeer> {
  const peer = await peerOf(server);
  expect(await peer.go(NAME)).toBe(CONTENT.length);
  return peer;
}

describe('negotiation', () => {
  it('greets as fixed newstyle', async () => {
    const peer = await peerOf(await serve());
    expect((await peer.take(18)).toString('latin1')).toBe('NBDMAGICIHAVEOPT\0\x03');
  });

  it('tells size, block sizes and flags by NBD_OPT_INFO, and goes on', async () => {
    const peer = await peerOf(await serve());
    await peer.greet();
    peer.option(6, NbdPeer.info(NAME, [3, 1]));
    const about = await peer.reply();
    expect([about.type, about.data.readUInt16BE(0), about.data.readBigUInt64BE(2)]).toEqual([
      3,
      0,
      BigInt(CONTENT.length),
    ]);
    // Has flags, read-only, several connections allowed; nothing else.
    expect(about.data.readUInt16BE(10)).toBe(0x103);
    const blocks = await peer.reply();
    expect([2, 6, 10].map((at) => blocks.data.readUInt32BE(at))).toEqual([1, 4096, 32 * 1024 * 1024]);
    expect((await peer.reply()).type).toBe(1);
    expect([opened, closed]).toEqual([1, 1]);
    peer.option(2);
    expect((await peer.reply()).type).toBe(1);
    await peer.closed();
  });

  it.each([
    ['with 124 zeroes', 1, 134],
    ['without them', 3, 10],
  ])('answers NBD_OPT_EXPORT_NAME %s', async (_, flags, length) => {
    const peer = await peerOf(await serve());
    await peer.greet(flags);
    peer.option(1, Buffer.from(NAME));
    const reply = await peer.take(length);
    expect([reply.readBigUInt64BE(0), reply.readUInt16BE(8)]).toEqual([BigInt(CONTENT.length), 0x103]);
    peer.request(0, 8, 16);
    expect((await peer.answer(16)).data).toEqual(CONTENT.subarray(8, 24));
  });

  it('says that an export does not exist, and lets the client try another', async () => {
    const peer = await peerOf(await serve());
    await peer.greet();
    peer.option(7, NbdPeer.info('nothing'));
    expect((await peer.reply()).type).toBe(0x80000006);
    peer.option(7, NbdPeer.info(NAME));
    expect((await peer.reply()).type).toBe(3);
    expect((await peer.reply()).type).toBe(1);
  });

  it('lists the exports in force', async () => {
    const peer = await peerOf(await serve());
    await peer.greet();
    peer.option(3);
    const { type, data } = await peer.reply();
    expect([type, data.readUInt32BE(0), data.toString('latin1', 4)]).toEqual([2, 64, NAME]);
    expect((await peer.reply()).type).toBe(1);
  });

  it('knows neither TLS nor structured replies', async () => {
    const peer = await peerOf(await serve());
    await peer.greet();
    for (const option of [5, 8, 10, 0xffffffff]) {
      peer.option(option);
      expect((await peer.reply()).type).toBe(0x80000001);
    }
  });

  it.each([
    ['unknown client flags', (peer: NbdPeer) => peer.greet(7)],
    ['no fixed newstyle', (peer: NbdPeer) => peer.greet(0)],
    ['an option without its magic', async (peer: NbdPeer) => peer.greet().then(() => peer.send('00'.repeat(16)))],
    [
      'an option of 4 GB',
      async (peer: NbdPeer) => peer.greet().then(() => peer.option(7, Buffer.alloc(0), 0xffffffff)),
    ],
    [
      'an export that has no way to be refused',
      async (peer: NbdPeer) => peer.greet().then(() => peer.option(1, Buffer.from('x\n'))),
    ],
  ])('ends at %s', async (_, misbehave) => {
    const peer = await peerOf(await serve());
    await misbehave(peer);
    await peer.closed();
    expect(events.map(({ event }) => event)).toEqual(['nbd.ended']);
    expect(events[0]?.message).not.toContain('\n');
  });

  it('ends at too many options, and one that takes too long', async () => {
    const many = await peerOf(await serve({ options: 4 }));
    await many.greet();
    for (let i = 0; i < 4; i++) many.option(8);
    await many.closed();
    const slow = await peerOf(await serve({ negotiationMs: 20 }));
    await slow.closed();
  });
});

describe('reading', () => {
  it('gives any range, in chunks, in the order of the requests', async () => {
    const peer = await reader(await serve());
    peer.request(0, 0, CONTENT.length, 1n);
    peer.request(0, CONTENT.length - 5, 5, 2n);
    peer.request(0, 17, 0, 3n);
    const whole = await peer.answer(CONTENT.length);
    expect(whole).toMatchObject({ error: 0, cookie: 1n });
    expect(createHash('sha256').update(whole.data).digest()).toEqual(createHash('sha256').update(CONTENT).digest());
    expect(await peer.answer(5)).toEqual({ error: 0, cookie: 2n, data: CONTENT.subarray(-5) });
    expect(await peer.answer(0)).toMatchObject({ error: 0, cookie: 3n });
  });

  it.each([
    ['past the end', 0, CONTENT.length - 1, 2, 0, 22],
    ['from far past the end', 0, 0xffff_ffff_ffff_ffffn, 0xffff, 0, 22],
    ['with a flag that was not offered', 0, 0, 1, 4, 22],
    ['of more than 32 MiB', 0, 0, 32 * 1024 * 1024 + 1, 0, 22],
    ['by a command that does not exist', 99, 0, 0, 0, 22],
    ['by a trim', 4, 0, 4096, 0, 22],
    ['by a flush, which has nothing to do', 3, 0, 0, 0, 0],
  ])('answers a request %s', async (_, type, offset, length, flags, error) => {
    const peer = await reader(await serve());
    peer.request(type, offset, length, 9n, flags);
    expect(await peer.answer()).toMatchObject({ error, cookie: 9n });
    peer.request(0, 0, 4, 10n);
    expect(await peer.answer(4)).toMatchObject({ error: 0, cookie: 10n });
  });

  it('refuses to write, reads over what was to be written, and goes on', async () => {
    const peer = await reader(await serve());
    peer.request(1, 0, 200_000);
    peer.send(Buffer.alloc(200_000, 0x25));
    expect(await peer.answer()).toMatchObject({ error: 1 });
    peer.request(0, 0, 4);
    expect(await peer.answer(4)).toMatchObject({ error: 0 });
  });

  it.each([
    ['without its magic', (peer: NbdPeer) => peer.send('00'.repeat(28))],
    ['that writes more than 32 MiB', (peer: NbdPeer) => peer.request(1, 0, 0xffffffff)],
  ])('ends at a request %s', async (_, misbehave) => {
    const peer = await reader(await serve());
    misbehave(peer);
    await peer.closed();
    await expect.poll(() => closed).toBe(1);
  });

  it('closes the export when the client leaves, politely or not', async () => {
    const server = await serve();
    const polite = await reader(server);
    polite.request(2, 0, 0);
    await polite.closed();
    const rude = await reader(server);
    rude.socket.resetAndDestroy();
    await expect.poll(() => [opened, closed]).toEqual([2, 2]);
    expect(events.filter(({ event }) => event === 'nbd.closed')).toHaveLength(2);
  });

  it('tells how many bytes were sent, of all connections together', async () => {
    const server = await serve();
    for (let n = 0; n < 2; n++) {
      const peer = await reader(server);
      peer.request(0, 0, 4096);
      expect((await peer.answer(4096)).data).toHaveLength(4096);
      peer.request(2, 0, 0);
      await peer.closed();
    }
    await server.stop();
    expect(events.filter(({ event }) => event === 'nbd.sent')).toMatchObject([{ level: 'debug', bytes: 8192 }]);
  });

  it('says that a read failed, with the reason in the log, and ends where it failed half way', async () => {
    let reads = 0;
    const read = async (buffer: Uint8Array) => {
      reads += 1;
      if (reads === 1) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
      return reads === 2 ? buffer.length : 0;
    };
    const peer = await reader(await serve({}, { read }));
    peer.request(0, 0, 16);
    expect(await peer.answer()).toMatchObject({ error: 5 });
    peer.request(0, 0, CONTENT.length);
    await peer.closed();
    const messages = events.filter(({ event }) => event === 'nbd.failed').map(({ message }) => message);
    expect(messages).toEqual([expect.stringContaining('EIO'), expect.stringContaining('was overwritten')]);
  });
});

describe('bounds', () => {
  it('refuses a client too many from one address, and takes it when another has left', async () => {
    const server = await serve({ perAddress: 2 });
    const first = await reader(server);
    await reader(server);
    const third = await peerOf(server);
    await third.closed();
    expect(events.find(({ event }) => event === 'nbd.refused')?.message).toContain('2 connections from this address');
    first.request(2, 0, 0);
    await first.closed();
    await expect.poll(() => closed).toBe(1);
    await reader(server);
  });

  it('opens exports for one address so often and no more, on however many connections', async () => {
    const server = await serve({ opening: { burst: 3, perSecond: 0 } });
    const peer = await peerOf(server);
    await peer.greet();
    for (let i = 0; i < 3; i++) {
      peer.option(6, NbdPeer.info(NAME, []));
      expect([(await peer.reply()).type, (await peer.reply()).type]).toEqual([3, 1]);
    }
    peer.option(6, NbdPeer.info(NAME, []));
    await peer.closed();
    const another = await peerOf(server);
    await another.greet();
    another.option(1, Buffer.from(NAME));
    await another.closed();
    expect([opened, closed]).toEqual([3, 3]);
    expect(events.filter(({ event }) => event === 'nbd.limited')).toMatchObject([{ peer: '127.0.0.1' }]);
  });

  it('drops a client that takes nothing of what it asked for', async () => {
    const server = await serve({ stallMs: 50 });
    const peer = await reader(server);
    peer.socket.pause();
    // More than the sockets' own buffers hold.
    for (let i = 0; i < 100; i++) peer.request(0, 0, CONTENT.length);
    await expect.poll(() => closed).toBe(1);
  });

  it('keeps little of what is asked for in advance: requests wait in the network', async () => {
    let reads = 0;
    const read = async (buffer: Uint8Array) => {
      reads += 1;
      buffer.fill(1);
      return buffer.length;
    };
    const peer = await reader(await serve({}, { read }));
    peer.socket.pause();
    for (let i = 0; i < 2000; i++) peer.request(0, 0, CONTENT.length);
    let before = -1;
    await expect
      .poll(
        () => {
          const settled = reads === before;
          before = reads;
          return settled;
        },
        { interval: 200 },
      )
      .toBe(true);
    expect(reads).toBeLessThan(1000);
  });

  it('stands any bytes at any time: the connection ends, the server goes on', async () => {
    const server = await serve({ negotiationMs: 5000 });
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('start', 'options', 'requests'),
        async (bytes, when) => {
          const peer = await NbdPeer.connect(server.listening[0] ?? '');
          if (when === 'options') await peer.greet();
          if (when === 'requests') await peer.go(NAME);
          peer.send(bytes);
          peer.socket.end();
          await peer.closed();
        },
      ),
      { numRuns: 150 },
    );
    await expect.poll(() => opened - closed).toBe(0);
    expect(events.map(({ event }) => event)).not.toContain('nbd.error');
    await reader(server);
  });
});

it('says why a port cannot be had, and what helps', async () => {
  const { listening } = await serve();
  const port = Number(listening[0]?.split(':')[1]);
  const again = startNbd({
    address: '127.0.0.1',
    port,
    exports: { names: () => [], open: async () => undefined },
    record: () => {},
    now: () => 0,
  });
  await expect(again).rejects.toMatchObject({
    code: 'EADDRINUSE',
    message: expect.stringContaining('server.nbd.port'),
  });
});
