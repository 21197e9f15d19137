import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { BootEvent } from '../../src/model/event.ts';
import { memoryFile, type RandomAccessFile } from '../../src/model/files/random-access.ts';
import { bindFailure } from '../../src/model/sockets/bind-failure.ts';
import type { Service } from '../../src/model/sockets/service.ts';
import { openSyscalls, type Syscalls } from '../../src/model/sockets/syscalls.ts';
import { startTftp, type TftpOptions } from '../../src/tftp/server.ts';
import { toNetascii } from '../../src/tftp/transfer/netascii.ts';
import { Peer } from '../support/tftp-peer.ts';

const CONTENT = Buffer.alloc(2000, 'slipway ');

/** What a test starts, undone after it. */
const cleanup: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

class Events {
  readonly all: BootEvent[] = [];
  private readonly waiting = new Set<() => void>();
  readonly record = (event: BootEvent): void => {
    this.all.push(event);
    for (const look of this.waiting) look();
  };
  /** Resolves with the first event of a name. */
  until(name: string): Promise<BootEvent> {
    return new Promise((resolve) => {
      const look = (): void => {
        const event = this.all.find((one) => one.event === name);
        if (!event) return;
        this.waiting.delete(look);
        resolve(event);
      };
      this.waiting.add(look);
      look();
    });
  }
}

const inMemory = (content: Uint8Array, closed = () => {}): RandomAccessFile => ({
  ...memoryFile(content),
  close: async () => closed(),
});

async function started(deps: Partial<TftpOptions> = {}): Promise<{ server: Service; port: number; events: Events }> {
  const events = new Events();
  const server = await startTftp({
    address: '127.0.0.1',
    port: 0,
    open: async () => inMemory(CONTENT),
    record: events.record,
    now: () => performance.now(),
    ...deps,
    limits: { dally: 10, ...deps.limits },
  });
  cleanup.push(() => server.stop());
  return { server, port: Number(server.listening[0]?.split(':')[1]), events };
}

async function peer(address?: string): Promise<Peer> {
  const client = await Peer.open(address);
  cleanup.push(() => client.close());
  return client;
}

describe('a read request', () => {
  it('is answered from a port of its own, and the file arrives', async () => {
    const { port, events } = await started();
    const client = await peer();
    client.ask(port, 'file');
    const first = await client.next();
    expect(first.port).not.toBe(port);
    expect((await client.fetch(first)).equals(CONTENT)).toBe(true);
    expect(await events.until('tftp.done')).toMatchObject({
      level: 'info',
      file: 'file',
      bytes: 2000,
      blksize: 512,
      windowsize: 1,
      confirmed: true,
    });
  });

  it('with options is answered with an OACK', async () => {
    const { port } = await started();
    const client = await peer();
    client.ask(port, 'file', [
      ['tsize', '0'],
      ['blksize', '8192'],
      ['windowsize', '1'],
    ]);
    const first = await client.next();
    expect(first.packet).toEqual({
      kind: 'oack',
      options: [
        ['tsize', '2000'],
        ['blksize', '1468'],
        ['windowsize', '1'],
      ],
    });
    expect((await client.fetch(first, 1468)).equals(CONTENT)).toBe(true);
  });

  it('with a window is answered in one go, where the kernel cuts it', async () => {
    const { syscalls } = await openSyscalls();
    if (!syscalls) throw new Error('no koffi here');
    const sent: number[] = [];
    const sendNow: Syscalls['sendNow'] = (socket, bytes, address, port) => {
      sent.push(bytes.length);
      return syscalls.sendNow(socket, bytes, address, port);
    };
    const { port } = await started({ syscalls: { sendNow, setUdpSegment: syscalls.setUdpSegment } });
    const client = await peer();
    client.ask(port, 'file', [['windowsize', '8']]);
    expect((await client.fetch(await client.next())).equals(CONTENT)).toBe(true);
    expect(sent.slice(1, 2)).toEqual([4 * 4 + CONTENT.length]);
  });

  it.each([
    ['does not know that', () => false],
    ['does not like the size', () => true],
  ])('with a window is answered one by one, where the kernel %s', async (_, cut) => {
    const cuts: number[] = [];
    const setUdpSegment: Syscalls['setUdpSegment'] = (_, size) => {
      cuts.push(size);
      return cut();
    };
    const { port } = await started({ syscalls: { sendNow: () => false, setUdpSegment } });
    const client = await peer();
    client.ask(port, 'file', [['windowsize', '2']]);
    expect((await client.fetch(await client.next())).equals(CONTENT)).toBe(true);
    // Tried once in a transfer, and undone.
    expect(cuts).toEqual([516, 0]);
  });

  it('for a large file of mode netascii costs no more than any other before it is acknowledged', async () => {
    let read = 0;
    const huge = async (): Promise<RandomAccessFile> => ({
      size: 2 ** 31,
      read: async (buffer) => {
        read += buffer.length;
        Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length).fill('a line\n');
        return buffer.length;
      },
      close: async () => {},
    });
    const { port } = await started({ open: huge });
    const client = await peer();
    client.ask(
      port,
      'file',
      [
        ['tsize', '0'],
        ['blksize', '1000'],
      ],
      'netascii',
    );
    const first = await client.next();
    // Only to read it whole would tell its size.
    expect(first.packet).toEqual({ kind: 'oack', options: [['blksize', '1000']] });
    expect(read).toBe(0);
    client.send(first.port, { kind: 'ack', block: 0 });
    expect((await client.next()).packet).toMatchObject({ kind: 'data', block: 1 });
    expect(read).toBeLessThan(300_000);
  });

  it.each([0, 1, 511, 512, 513, 32_768, 65_535, 65_536, 65_537, 131_072, 200_000])(
    'of mode netascii gets a text of %i octets whole, whatever its last block is',
    async (length) => {
      for (const text of [Buffer.alloc(length, 'slipway '), Buffer.alloc(length, '\n')]) {
        const { port, events } = await started({ open: async () => inMemory(text) });
        const client = await peer();
        client.ask(
          port,
          'file',
          [
            ['windowsize', '1'],
            ['blksize', '1024'],
          ],
          'netascii',
        );
        const received = await client.fetch(await client.next(), 1024);
        expect(Buffer.compare(received, toNetascii(text))).toBe(0);
        expect(await events.until('tftp.done')).toMatchObject({ bytes: toNetascii(text).length, confirmed: true });
      }
    },
  );

  it('of mode netascii gets the file converted', async () => {
    const { port } = await started({ open: async () => inMemory(Buffer.from('#!ipxe\nboot\n')) });
    const client = await peer();
    client.ask(port, 'file', [], 'NetASCII');
    expect((await client.fetch(await client.next())).toString()).toBe('#!ipxe\r\nboot\r\n');
  });

  it('hands the name over normalised', async () => {
    const names: string[] = [];
    const { port } = await started({
      open: async (name) => {
        names.push(name);
        return 'missing';
      },
    });
    const client = await peer();
    client.ask(port, '\\Boot\\\\x64/wdsnbp.com\xff');
    await client.next();
    expect(names).toEqual(['Boot/x64/wdsnbp.com']);
  });

  it.each([
    ['missing', 1],
    ['directory', 1],
    ['refused', 2],
  ] as const)('for what is %s gets ERROR %i at once', async (reason, code) => {
    const { port, events } = await started({ open: async () => reason });
    const client = await peer();
    client.ask(port, 'x'.repeat(1000));
    const first = await client.next();
    expect(first.packet).toMatchObject({ kind: 'error', code });
    expect(first.port).not.toBe(port);
    expect(await events.until('tftp.missing')).toMatchObject({ reason, file: 'x'.repeat(256) });
  });

  it('for a file that cannot be opened gets ERROR 0, and the reason is recorded', async () => {
    const { port, events } = await started({ open: () => Promise.reject(new Error('EIO: input/output error')) });
    const client = await peer();
    client.ask(port, 'file');
    expect((await client.next()).packet).toMatchObject({ kind: 'error', code: 0 });
    expect(await events.until('tftp.failed')).toMatchObject({ level: 'warn', reason: 'EIO: input/output error' });
  });

  it.each([
    ['a parent folder', { kind: 'read', filename: 'a/../../etc/passwd', mode: 'octet', options: [] }, 2],
    ['mode mail', { kind: 'read', filename: 'a', mode: 'mail', options: [] }, 4],
    ['a write', { kind: 'write', filename: 'a', mode: 'octet', options: [] }, 2],
    ['no name', { kind: 'read', filename: '/', mode: 'octet', options: [] }, 1],
  ] as const)('that asks for %s is refused', async (_what, request, code) => {
    const { port, events } = await started();
    const client = await peer();
    client.send(port, request);
    expect((await client.next()).packet).toMatchObject({ kind: 'error', code });
    await events.until('tftp.refused');
  });

  it('sent again before its answer was acknowledged, is answered from the same port', async () => {
    let opened = 0;
    const { port } = await started({
      open: async () => {
        opened++;
        return inMemory(CONTENT);
      },
    });
    const client = await peer();
    client.ask(port, 'file', [['blksize', '512']]);
    const first = await client.next();
    client.ask(port, 'file', [['blksize', '512']]);
    const second = await client.next();
    expect(second).toEqual(first);
    expect((await client.fetch(second)).equals(CONTENT)).toBe(true);
    expect(opened).toBe(1);
  });

  it('that comes once more while the file arrives is a copy, and changes nothing', async () => {
    let opened = 0;
    const { port } = await started({
      now: () => 0,
      open: async () => {
        opened++;
        return inMemory(CONTENT);
      },
    });
    const client = await peer();
    client.ask(port, 'file', [['blksize', '512']]);
    const first = await client.next();
    client.send(first.port, { kind: 'ack', block: 0 });
    const second = await client.next();
    client.ask(port, 'file', [['blksize', '512']]);
    expect((await client.fetch(second)).equals(CONTENT)).toBe(true);
    expect(opened).toBe(1);
  });

  it('sent anew from the port of an older transfer replaces that one, without an ERROR', async () => {
    let later = 0;
    const { port, events } = await started({ now: () => performance.now() + later });
    const client = await peer();
    client.ask(port, 'file');
    const old = await client.next();
    client.send(old.port, { kind: 'ack', block: 1 });
    await client.next();
    later = 1000;
    client.ask(port, 'file');
    let first = await client.next();
    while (first.port === old.port) first = await client.next();
    expect((await client.fetch(first)).equals(CONTENT)).toBe(true);
    expect(await events.until('tftp.failed')).toMatchObject({ reason: 'replaced' });
  });
});

describe('a transfer', () => {
  it('sends its first block twice, and no more until the client asks again', async () => {
    const { port } = await started();
    const client = await peer();
    for (let round = 0; round < 2; round++) {
      client.ask(port, 'file');
      await setTimeout(1000);
      expect(client.pending).toHaveLength(2);
      const first = await client.next();
      expect(await client.next()).toEqual(first);
    }
    client.ask(port, 'file');
    expect((await client.fetch(await client.next())).equals(CONTENT)).toBe(true);
  });

  it('sends again what is not acknowledged', async () => {
    const { port, events } = await started();
    const client = await peer();
    client.ask(port, 'file');
    const first = await client.next();
    client.send(first.port, { kind: 'ack', block: 1 });
    const second = await client.next();
    for (let copy = 0; copy < 3; copy++) expect(await client.next()).toEqual(second);
    client.send(first.port, { kind: 'ack', block: 2 });
    let third = await client.next();
    while (third.packet.kind === 'data' && third.packet.block === 2) third = await client.next();
    client.send(first.port, { kind: 'ack', block: 3 });
    client.send(first.port, { kind: 'ack', block: 4 });
    expect((await events.until('tftp.done')).retransmits).toBeGreaterThanOrEqual(2);
  });

  it('answers a stranger with ERROR 5 and goes on', async () => {
    const { port } = await started();
    const [client, stranger] = [await peer(), await peer()];
    client.ask(port, 'file', [['blksize', '512']]);
    const first = await client.next();
    stranger.send(first.port, { kind: 'ack', block: 0 });
    expect((await stranger.next()).packet).toMatchObject({ kind: 'error', code: 5 });
    stranger.send(first.port, { kind: 'error', code: 0, message: 'stop' });
    expect((await client.fetch(first)).equals(CONTENT)).toBe(true);
    expect(stranger.pending).toEqual([]);
  });

  it('ended by an ERROR after the OACK was a size probe', async () => {
    let closed = 0;
    const { port, events } = await started({ open: async () => inMemory(CONTENT, () => closed++) });
    const client = await peer();
    client.ask(port, 'file', [['tsize', '0']]);
    const first = await client.next();
    client.send(first.port, { kind: 'error', code: 8, message: 'User aborted the transfer' });
    expect(await events.until('tftp.probe')).toMatchObject({ level: 'debug', bytes: 2000 });
    expect(closed).toBe(1);
  });

  it('ended by an ERROR later has failed, with the client’s words', async () => {
    const { port, events } = await started();
    const client = await peer();
    client.ask(port, 'file');
    const first = await client.next();
    client.send(first.port, { kind: 'error', code: 3, message: 'Disk full' });
    expect(await events.until('tftp.failed')).toMatchObject({ reason: 'client-error', detail: '3 Disk full' });
  });

  it('of a silent client is given up', async () => {
    const { port, events } = await started({ limits: { silence: 100 } });
    const client = await peer();
    client.ask(port, 'file');
    const failed = await events.until('tftp.failed');
    expect(failed).toMatchObject({ reason: 'client-gone' });
    expect(failed.bytes).toBeUndefined();
  });

  it('of a client that falls silent has the bytes that it acknowledged', async () => {
    const { port, events } = await started({ limits: { silence: 100 } });
    const client = await peer();
    client.ask(port, 'file');
    const first = await client.next();
    client.send(first.port, { kind: 'ack', block: 1 });
    expect(await events.until('tftp.failed')).toMatchObject({ reason: 'client-gone', bytes: 512 });
  });

  it('that takes too long in all is ended', async () => {
    const { port, events } = await started({ limits: { total: 1 } });
    const client = await peer();
    client.ask(port, 'file');
    expect((await client.next()).packet.kind).toBe('data');
    expect(await events.until('tftp.failed')).toMatchObject({ reason: 'too-slow' });
  });

  it('ends with an ERROR where the file has become shorter', async () => {
    const { port, events } = await started({ open: async () => ({ ...inMemory(CONTENT), size: 5000 }) });
    const client = await peer();
    client.ask(port, 'file');
    expect((await client.next()).packet).toMatchObject({ kind: 'error', code: 0 });
    expect(await events.until('tftp.failed')).toMatchObject({ reason: 'read-error' });
  });
});

describe('an address that asks and never answers', () => {
  it('is sent little, and others are served as before', async () => {
    const { port, events } = await started({ limits: { unproven: { burst: 8, perSecond: 0 } } });
    const forged = await Promise.all(Array.from({ length: 20 }, () => peer('127.0.0.2')));
    for (const client of forged) client.ask(port, 'file');
    await setTimeout(500);
    expect(forged.flatMap(({ pending }) => pending)).toHaveLength(16);
    // Nor does a transfer's own port answer it more often.
    const [stranger, busy] = [await peer('127.0.0.4'), await peer('127.0.0.5')];
    busy.ask(port, 'file');
    const held = await busy.next();
    for (let packet = 0; packet < 20; packet++) stranger.send(held.port, { kind: 'ack', block: 1 });
    await setTimeout(200);
    expect(stranger.pending).toHaveLength(8);
    const other = await peer('127.0.0.3');
    for (let download = 0; download < 20; download++) {
      other.ask(port, 'file');
      expect((await other.fetch(await other.next())).equals(CONTENT)).toBe(true);
    }
    const limited = events.all.filter(({ event }) => event === 'tftp.limited').map(({ from }) => from);
    expect(limited).toEqual(['127.0.0.2', '127.0.0.4']);
  });
});

describe('the number of transfers', () => {
  it('is bounded: who never answered gives way', async () => {
    const { port, events } = await started({ limits: { transfers: 2 } });
    const [silent, busy, late] = [await peer(), await peer(), await peer('127.0.0.2')];
    silent.ask(port, 'file');
    const lost = await silent.next();
    busy.ask(port, 'file');
    const held = await busy.next();
    busy.send(held.port, { kind: 'ack', block: 1 });
    await busy.next();
    late.ask(port, 'file');
    expect((await late.fetch(await late.next())).equals(CONTENT)).toBe(true);
    expect(await events.until('tftp.failed')).toMatchObject({ reason: 'busy' });
    let told = await silent.next();
    while (told.packet.kind === 'data') told = await silent.next();
    expect(told).toMatchObject({ port: lost.port, packet: { kind: 'error', code: 0 } });
  });

  it('is bounded: a newcomer gets ERROR 0 where all are at work', async () => {
    const { port } = await started({ limits: { transfers: 1 } });
    const [busy, late] = [await peer(), await peer('127.0.0.2')];
    busy.ask(port, 'file');
    const held = await busy.next();
    busy.send(held.port, { kind: 'ack', block: 1 });
    await busy.next();
    late.ask(port, 'file');
    expect((await late.next()).packet).toMatchObject({
      kind: 'error',
      code: 0,
      message: expect.stringContaining('busy'),
    });
  });
});

describe('the listening port', () => {
  it('answers nothing but requests', async () => {
    const { port } = await started({ open: async () => 'missing' });
    const client = await peer();
    for (const bytes of [
      [],
      [0],
      [0, 1],
      [0, 3, 0, 1, 65],
      [0, 4, 0, 1],
      [0, 5, 0, 0, 0],
      [0, 6, 65, 0, 66, 0],
      [9, 9],
    ]) {
      client.send(port, Uint8Array.from(bytes));
    }
    client.ask(port, 'the last');
    expect((await client.next()).packet).toMatchObject({ kind: 'error', code: 1 });
    expect(client.pending).toEqual([]);
  });

  it('that is in use is an error which names the usual owners', async () => {
    const squatter = createSocket('udp4');
    await new Promise<void>((resolve) => squatter.bind(0, '127.0.0.1', resolve));
    cleanup.push(() => squatter.close());
    const { port } = squatter.address();
    const failure = await startTftp({
      address: '127.0.0.1',
      port,
      open: async () => 'missing',
      record: () => {},
      now: () => 0,
    }).catch((error) => error);
    expect(failure).toMatchObject({ code: 'EADDRINUSE', cause: { code: 'EADDRINUSE' } });
    expect(failure.message).toMatch(new RegExp(`UDP port ${port} of 127.0.0.1 .*dnsmasq.*tftpd-hpa.*atftpd`));
  });

  it('that needs a privilege is an error which names the remedy', () => {
    const cause = Object.assign(new Error('bind EACCES'), { code: 'EACCES' });
    const listen = { service: 'TFTP', protocol: 'UDP', address: '192.0.2.1', port: 69, remedy: 'x' } as const;
    expect(bindFailure(cause, listen)).toMatchObject({ code: 'EACCES', cause });
    expect(bindFailure(cause, listen).message).toMatch(/UDP port 69 of 192.0.2.1.*root.*CAP_NET_BIND_SERVICE/);
  });

  it('of an address that the machine does not have is an error which says so', async () => {
    const deps = { open: async () => 'missing' as const, record: () => {}, now: () => 0 };
    const failure = await startTftp({ address: '192.0.2.1', port: 0, ...deps }).catch((error) => error);
    expect(failure).toMatchObject({ code: 'EADDRNOTAVAIL' });
    expect(failure.message).toContain('server.address');
  });
});

describe('stop', () => {
  it('lets transfers finish within the grace period, and takes no new ones', async () => {
    const { server, port } = await started();
    const client = await peer();
    client.ask(port, 'file');
    const first = await client.next();
    const stopped = server.stop(60_000);
    expect((await client.fetch(first)).equals(CONTENT)).toBe(true);
    await stopped;
  });

  it('ends with an ERROR what remains', async () => {
    const { server, port, events } = await started();
    const client = await peer();
    client.ask(port, 'file');
    await client.next();
    await server.stop();
    let last = await client.next();
    while (last.packet.kind === 'data') last = await client.next();
    expect(last.packet).toMatchObject({ kind: 'error', code: 0 });
    expect(events.all.at(-1)).toMatchObject({ event: 'tftp.failed', reason: 'stopped' });
  });

  it('takes a client that was sent all, and fell silent some time ago, for one that has it', async () => {
    let shift = 0;
    const { server, port, events } = await started({ now: () => performance.now() + shift });
    const client = await peer();
    client.ask(port, 'file');
    const first = await client.next();
    for (let block = 1; block <= Math.floor(CONTENT.length / 512); block++) {
      client.send(first.port, { kind: 'ack', block });
      let next = await client.next();
      while (next.packet.kind === 'data' && next.packet.block <= block) next = await client.next();
    }
    shift = 6000;
    await server.stop();
    expect(events.all.at(-1)).toMatchObject({ event: 'tftp.done', confirmed: false, bytes: CONTENT.length });
  });

  it('closes a file that was still being opened', async () => {
    let open = (_file: RandomAccessFile): void => {};
    const { server, port, events } = await started({
      open: () =>
        new Promise((resolve) => {
          open = resolve;
        }),
    });
    const client = await peer();
    client.ask(port, 'file');
    await events.until('tftp.request');
    await server.stop();
    await new Promise<void>((closed) => open(inMemory(CONTENT, closed)));
  });
});
