import { spawn } from 'node:child_process';
import { appendFile, chmod, open, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBelow, Serving } from './serving.ts';

/** More than the socket buffers of both ends hold. */
const SIZE = 48 * 1024 * 1024;

/** A client with short segments, whose window so opens with every few bytes: it takes 600 of them a second. */
const DRIP = `
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
s.connect(('127.0.0.1', int(sys.argv[1])))
s.send(b'GET /artifacts/a HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
while s.recv(60): time.sleep(0.1)
`;

let serving: Serving;

async function pinned(path: string, letter: string): Promise<string> {
  await serving.file(path, Buffer.alloc(SIZE, letter));
  const result = await serving.store.pin(path);
  if (!result.ok) throw new Error(result.why);
  return `/blobs/sha256/${result.pin.digest}/${path}`;
}

const only = (body: Buffer, letter: string): boolean => body.equals(Buffer.alloc(body.length, letter));

describe.each([
  { how: 'sent by the kernel', sendfile: true },
  { how: 'sent through buffers', sendfile: false },
])('$how', ({ sendfile }) => {
  beforeEach(async () => {
    serving = await Serving.start({}, { sendfile });
  });
  afterEach(() => serving.stop());

  describe('a download that runs', () => {
    it('gets the old version to its end while another file is renamed over it', async () => {
      const blob = await pinned('a', 'o');
      const byDigest = await serving.begin(blob);
      const byPath = await serving.begin('/artifacts/a');
      await serving.file('b', Buffer.alloc(SIZE, 'n'));
      await rename(join(serving.root, 'b'), join(serving.root, 'a'));
      await serving.store.pin('a');
      const late = await serving.begin(blob);
      for (const download of [byDigest, byPath, late]) {
        const body = await download.rest();
        expect(body.length).toBe(SIZE);
        expect(only(body, 'o')).toBe(true);
      }
      expect(only(await (await serving.begin('/artifacts/a')).rest(), 'n')).toBe(true);
    });

    it('is cut short, and never gets other bytes, when the file is overwritten in place', async () => {
      const download = await serving.begin(await pinned('a', 'o'));
      const byPath = await serving.begin('/artifacts/a');
      await writeFile(join(serving.root, 'a'), Buffer.alloc(SIZE, 'n'));
      const [blobBody, pathBody] = await Promise.all([download.rest(), byPath.rest()]);
      expect(only(blobBody, 'o')).toBe(true);
      expect(only(pathBody, 'o')).toBe(true);
      expect(pathBody.length).toBeLessThan(SIZE);
      const events = await serving.until('http.download', 2);
      expect(events).toContainEqual(expect.objectContaining({ path: '/artifacts/a', complete: false }));
    });

    it('is not complete when some bytes of the file are overwritten while they are on their way', async () => {
      const file = await serving.file('a', Buffer.alloc(SIZE, 'o'));
      for (const position of [0, 300_000, SIZE - 1]) {
        const download = await serving.begin('/artifacts/a');
        const handle = await open(file, 'r+');
        await handle.write('n', position);
        await handle.close();
        expect((await download.rest()).length).toBeLessThan(SIZE);
      }
    });

    it('is cut short when the file is truncated', async () => {
      await serving.file('a', Buffer.alloc(SIZE, 'o'));
      const download = await serving.begin('/artifacts/a');
      await truncate(join(serving.root, 'a'), 10);
      expect((await download.rest()).length).toBeLessThan(SIZE);
    });

    it('goes on when the file is removed', async () => {
      await serving.file('a', Buffer.alloc(SIZE, 'o'));
      const download = await serving.begin('/artifacts/a');
      await rm(join(serving.root, 'a'));
      expect((await download.rest()).length).toBe(SIZE);
    });

    it('leaves nothing open when its client vanishes', async () => {
      const blob = await pinned('a', 'o');
      const downloads = await Promise.all(
        Array.from({ length: 40 }, (_, i) => serving.begin(i % 2 === 0 ? blob : '/artifacts/a')),
      );
      expect(await openBelow(serving.root)).toBe(40);
      for (const [i, { socket }] of downloads.entries()) {
        if (i % 3 === 0) socket.resetAndDestroy();
        else socket.destroy();
      }
      const events = await serving.until('http.download', 40);
      expect(events.every(({ complete, client }) => complete === false && client === '127.0.0.1')).toBe(true);
      // The event is recorded just before the file is closed.
      while ((await openBelow(serving.root)) > 0) await new Promise((resolve) => setImmediate(resolve));
    });

    it('is given up when its client reads nothing for too long', async () => {
      await serving.stop();
      serving = await Serving.start({}, { stallMs: 100, sendfile });
      await serving.file('a', Buffer.alloc(SIZE, 'o'));
      const stalled = await serving.begin('/artifacts/a');
      const [event] = await serving.until('http.download');
      expect(event).toMatchObject({ complete: false });
      expect((await stalled.rest()).length).toBeLessThan(SIZE);
    });
  });

  it('a client that takes a few bytes now and then is given up', async () => {
    await serving.stop();
    serving = await Serving.start({}, { stallMs: 8000, sendfile, syscalls: sendfile });
    await serving.file('a', Buffer.alloc(SIZE, 'o'));
    const client = spawn('python3', ['-c', DRIP, String(serving.server.port)]);
    const [slow] = await serving.until('http.slow');
    client.kill();
    expect(slow).toMatchObject({ client: '127.0.0.1' });
    expect(await serving.until('http.download')).toMatchObject([{ complete: false, client: '127.0.0.1' }]);
  });

  it('a client that takes little, but enough, is left alone', async () => {
    await serving.stop();
    serving = await Serving.start({}, { stallMs: 500, sendfile });
    await serving.file('a', Buffer.alloc(SIZE, 'o'));
    const download = await serving.begin('/artifacts/a');
    for (let i = 0; i < 20; i++) {
      download.socket.read(1_000_000);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await download.rest()).length).toBeGreaterThan(0);
    expect(serving.events.some(({ event }) => event === 'http.slow')).toBe(false);
  });

  describe('a file that is put together from others', () => {
    const HALF = SIZE / 2;
    /** Made of parts of two files, with a few bytes before, between and behind. */
    const made = async () => {
      const digests = [];
      for (const letter of ['a', 'b']) digests.push((await pinned(letter, letter)).split('/')[3] ?? '');
      const [a = '', b = ''] = digests;
      const mark = (text: string) => ({ bytes: Buffer.from(text) });
      const pin = await serving.store.pinComposed('test', async () => [
        ...[mark('<'), { file: a, first: 7, length: HALF }, mark('|'.repeat(1000))],
        ...[{ file: b, first: 0, length: HALF }, { file: a, first: SIZE - 3, length: 3 }, mark('>')],
      ]);
      return `/blobs/sha256/${pin?.digest}/made`;
    };
    const expected = Buffer.concat([
      ...[Buffer.from('<'), Buffer.alloc(HALF, 'a'), Buffer.alloc(1000, '|')],
      ...[Buffer.alloc(HALF, 'b'), Buffer.from('aaa>')],
    ]);

    it('is sent whole and in ranges, by one and by many at once', async () => {
      const url = serving.url + (await made());
      expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(expected)).toBe(true);
      await Promise.all(
        Array.from({ length: 32 }, async (_, i) => {
          const from = i % 2 === 0 ? HALF - 700_000 + i * 40_009 : expected.length - 300_000 - i;
          const response = await fetch(url, { headers: { range: `bytes=${from}-${from + 1_400_000}` } });
          const body = Buffer.from(await response.arrayBuffer());
          expect(body.equals(expected.subarray(from, from + 1_400_001))).toBe(true);
        }),
      );
      while ((await openBelow(serving.root)) > 0) await new Promise((resolve) => setImmediate(resolve));
    });

    it('is not complete when one of them is overwritten while it is on its way', async () => {
      const download = await serving.begin(await made());
      // What the store keeps: by a hard link it is the file itself.
      for (const name of await readdir(join(serving.root, '.slipway/blobs/sha256'))) {
        const kept = join(serving.root, '.slipway/blobs/sha256', name);
        await chmod(kept, 0o644);
        await appendFile(kept, 'n');
      }
      expect((await download.rest()).length).toBeLessThan(expected.length);
      await serving.until('http.download');
      while ((await openBelow(serving.root)) > 0) await new Promise((resolve) => setImmediate(resolve));
    });
  });

  describe('many downloads at once', () => {
    it('each get every byte, over connections that are used again', async () => {
      const content = Buffer.alloc(3_000_000);
      for (let i = 0; i < content.length; i += 4) content.writeUInt32LE(i, i);
      await serving.file('a', content);
      await Promise.all(
        Array.from({ length: 64 }, async (_, i) => {
          const from = i * 40_009;
          const response = await fetch(`${serving.url}/artifacts/a`, { headers: { range: `bytes=${from}-` } });
          const body = Buffer.from(await response.arrayBuffer());
          expect(body.equals(content.subarray(from))).toBe(true);
        }),
      );
      const events = await serving.until('http.download', 64);
      expect(events.every(({ complete }) => complete === true)).toBe(true);
    });

    it('that are pipelined on one connection come in order', async () => {
      await serving.file('a', Buffer.alloc(1_000_000, 'a'));
      await serving.file('b', 'bb');
      const line = (path: string, more = '') => `GET /artifacts/${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
      const answer = await serving.raw(line('a') + line('b') + line('none') + line('a', 'Connection: close\r\n'));
      const bodies = answer.split(/HTTP\/1.1 [\s\S]*?\r\n\r\n/).slice(1);
      expect(bodies.map((body) => body.length)).toEqual([1_000_000, 2, 13, 1_000_000]);
    });
  });
});
