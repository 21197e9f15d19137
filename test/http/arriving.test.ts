import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArriving } from '../../src/artifacts/arriving-file.ts';
import { Arrival } from '../../src/images/mirror/arrival.ts';
import { Serving } from './serving.ts';

const SIZE = 2_000_000;
const BYTES = randomBytes(SIZE);
const DIGEST = 'a'.repeat(64);

/** A body that goes on when it is told to. */
class Source {
  private readonly parts: Uint8Array[] = [];
  private wake = () => {};
  private error: Error | undefined;
  private isWhole = false;

  send(first: number, end: number): void {
    this.parts.push(BYTES.subarray(first, end));
    this.isWhole = end === SIZE;
    this.wake();
  }

  breakOff(): void {
    this.error = new Error('the registry died');
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (true) {
      const part = this.parts.shift();
      if (part) yield part;
      else if (this.error) throw this.error;
      else if (this.isWhole) return;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }
}

describe.each([true, false])('a blob that still arrives, with sendfile: %j', (sendfile) => {
  let serving: Serving;
  let source: Source;
  let url: string;

  beforeEach(async () => {
    source = new Source();
    const arrival = new Arrival(SIZE);
    const mirror = {
      manifest: async () => ({ ok: false, reason: 'missing', why: 'none' }) as const,
      blob: async () => {
        const path = join(serving.root, 'arriving');
        const file = await openArriving({ path, size: SIZE, digest: DIGEST, arrived: (end) => arrival.until(end) });
        return file ? ({ ok: true, file } as const) : ({ ok: false, reason: 'missing', why: 'none' } as const);
      },
    };
    const registry = { names: async () => [], manifest: async () => undefined };
    serving = await Serving.start(
      { mirror, registry: { ...registry, blob: async () => ({ ok: false, reason: 'missing', why: 'none' }) } },
      { sendfile },
    );
    url = `http://127.0.0.1:${serving.server.port}/v2/a.example/x/blobs/sha256:${DIGEST}`;
    const file = await open(join(serving.root, 'arriving'), 'wx');
    // The digest is not that of the bytes: none of this ends well.
    arrival
      .fill(source, file, DIGEST)
      .catch((error) => arrival.fail(error))
      .finally(() => file.close());
  });
  afterEach(() => serving.stop());

  it('begins with what is there, and breaks off without the last byte where the digest is wrong', async () => {
    source.send(0, SIZE - 500_000);
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(SIZE)]);
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? '').equals(BYTES.subarray(0, first?.value?.length))).toBe(true);
    source.send(SIZE - 500_000, SIZE);
    const rest = async () => {
      let size = first?.value?.length ?? 0;
      while (true) {
        const { done, value } = (await reader?.read()) ?? { done: true };
        if (done) return size;
        size += value?.length ?? 0;
      }
    };
    await expect(rest()).rejects.toThrow('terminated');
  });

  it('gives a range that is there', async () => {
    source.send(0, 1_000_000);
    const response = await fetch(url, { headers: { range: 'bytes=1000-600999' } });
    expect(response.status).toBe(206);
    expect(Buffer.from(await response.arrayBuffer()).equals(BYTES.subarray(1000, 601_000))).toBe(true);
  });

  it('is a 502 where it breaks off before the first byte', async () => {
    source.send(0, 1000);
    const response = fetch(url);
    source.breakOff();
    expect((await response).status).toBe(502);
    expect(serving.events.filter(({ event }) => event === 'http.error')).toEqual([]);
  });
});
