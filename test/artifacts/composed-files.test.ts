import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { concatenate } from '../../src/artifacts/composed/concatenation.ts';
import { openStore, type Store } from '../../src/artifacts/store/store.ts';
import type { OpenFile, OpenResult } from '../../src/model/files/open-file.ts';
import type { Segment } from '../../src/model/files/segment.ts';

const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');
const HOUR = 3_600_000;

let root: string;
let store: Store;
let now: number;

const start = () => openStore({ root, record: () => {}, now: () => now, monotonic: () => now, settleMs: 20 });

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'slipway-made-'));
  now = Date.now();
  store = await start();
});
afterEach(async () => {
  await store.close();
  await rm(root, { recursive: true });
});

async function file(path: string, content: string): Promise<string> {
  const name = join(root, path);
  await writeFile(`${name}.new`, content);
  await utimes(`${name}.new`, 1_000_000, 1_000_000);
  await rename(`${name}.new`, name);
  const pinned = await store.pin(path);
  if (!pinned.ok) throw new Error(pinned.why);
  return pinned.pin.digest;
}

async function content(result: OpenResult): Promise<string> {
  if (!result.ok) return result.reason;
  const buffer = Buffer.alloc(result.file.size);
  const count = await result.file.read(buffer, 0);
  await result.file.close();
  return buffer.toString('utf8', 0, count);
}

/** Makes a file of the fourth to sixth byte of another, with a word before and after. */
const make = (digest: string, origin = `middle ${digest}`) =>
  store.pinComposed(origin, async () => [
    { bytes: Buffer.from('<<') },
    { file: digest, first: 3, length: 3 },
    { bytes: Buffer.from('>>') },
  ]);

describe('a file that is put together from others', () => {
  it('is read by the digest of what comes out, and named by it', async () => {
    const pin = await make(await file('a', 'abcdefgh'));
    expect(pin).toEqual({ digest: sha256('<<def>>'), size: 7 });
    const opened = await store.openBlob(pin?.digest ?? '');
    expect(opened.ok && opened.file).toMatchObject({ size: 7, digest: pin?.digest, fd: -1 });
    expect(await content(opened)).toBe('<<def>>');
  });

  it('is made once, however many ask, and known again after a restart', async () => {
    const digest = await file('a', 'abcdefgh');
    let asked = 0;
    const ask = () =>
      store.pinComposed('x', async () => {
        asked += 1;
        return [{ file: digest, first: 0, length: 4 }];
      });
    const pins = await Promise.all([ask(), ask(), ask()]);
    expect(new Set(pins.map((pin) => pin?.digest))).toEqual(new Set([sha256('abcd')]));
    await store.close();
    store = await start();
    expect(await ask()).toEqual(pins[0]);
    expect(asked).toBe(1);
    expect(await content(await store.openBlob(sha256('abcd')))).toBe('abcd');
    expect(await readdir(join(root, '.slipway/made'))).toEqual([`${sha256('abcd')}.json`]);
  });

  it('may turn out not to be needed, or to fail, and then is nothing', async () => {
    expect(await store.pinComposed('x', async () => undefined)).toBeUndefined();
    await expect(store.pinComposed('y', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(make('0'.repeat(64))).rejects.toThrow('no such version');
    expect(await readdir(join(root, '.slipway'))).not.toContain('made');
  });

  it('outlives the path of what it is made of for an hour after it was last handed out', async () => {
    const digest = await file('a', 'abcdefgh');
    const pin = await make(digest);
    await file('a', 'other bytes');
    now += HOUR - 1000;
    await store.collect();
    store.use(pin?.digest ?? '');
    now += HOUR - 1000;
    await store.collect();
    expect(await content(await store.openBlob(pin?.digest ?? ''))).toBe('<<def>>');
    now += HOUR + 1000;
    await store.collect();
    expect(await content(await store.openBlob(pin?.digest ?? ''))).toBe('missing');
    expect(await readdir(join(root, '.slipway/made'))).toEqual([]);
  });

  it('stays while it is being read', async () => {
    const pin = await make(await file('a', 'abcdefgh'));
    const opened = await store.openBlob(pin?.digest ?? '');
    await file('a', 'other bytes');
    now += 3 * HOUR;
    await store.collect();
    expect(await content(opened)).toBe('<<def>>');
    expect(await content(await store.openBlob(pin?.digest ?? ''))).toBe('<<def>>');
  });

  it('whose recipe is damaged is made again', async () => {
    const digest = await file('a', 'abcdefgh');
    const pin = await make(digest);
    await store.close();
    for (const text of ['', '{}', '{"format":1,"origin":"x","size":1,"pieces":[["../x",0,1]]}', 'null']) {
      await writeFile(join(root, '.slipway/made', `${pin?.digest}.json`), text);
      store = await start();
      expect(await content(await store.openBlob(pin?.digest ?? ''))).toBe('missing');
      expect(await make(digest)).toEqual(pin);
      await store.close();
    }
    store = await start();
  });
});

describe('the blobs of built images', () => {
  it('can be pinned, but neither opened nor listed by their path', async () => {
    const path = `.images/blobs/sha256/${sha256('blob')}`;
    await mkdir(join(root, '.images/blobs/sha256'), { recursive: true });
    await writeFile(join(root, path), 'blob');
    await utimes(join(root, path), 1_000_000, 1_000_000);
    expect(await store.pinImageBlob(sha256('blob'))).toEqual({ ok: true, pin: { digest: sha256('blob'), size: 4 } });
    expect((await store.open(path)).ok).toBe(false);
    expect((await store.pin(path)).ok).toBe(false);
    expect(await store.pin('.images/builds/x')).toMatchObject({ ok: false, reason: 'missing' });
    expect(await content(await store.openBlob(sha256('blob')))).toBe('blob');
  });
});

function fileOf(bytes: Uint8Array): OpenFile {
  let closed = 0;
  return {
    ...{ fd: 99, size: bytes.length, modified: 5, stamp: 'stamp', digest: undefined },
    read: async (buffer, position) => {
      const part = bytes.subarray(position, position + buffer.length);
      buffer.set(part);
      return part.length;
    },
    intact: async () => true,
    intactNow: () => true,
    renew: async () => true,
    close: async () => {
      closed += 1;
      expect(closed).toBe(1);
    },
  };
}

describe('parts that are joined', () => {
  it('read at any position like one file', async () => {
    const source = fc.uint8Array({ maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ source, first: fc.nat(40), length: fc.nat(40), bytes: fc.boolean() }), { maxLength: 8 }),
        fc.nat(200),
        fc.nat(200),
        async (list, position, length) => {
          const parts: Segment<OpenFile>[] = [];
          const all: Uint8Array[] = [];
          for (const { source, first, length, bytes } of list) {
            const from = Math.min(first, source.length);
            const part = source.subarray(from, from + length);
            all.push(part);
            parts.push(bytes ? { bytes: part } : { file: fileOf(source), first: from, length: part.length });
          }
          const expected = Buffer.concat(all);
          const joined = concatenate(parts, undefined);
          expect(joined.size).toBe(expected.length);
          const buffer = Buffer.alloc(length);
          const count = await joined.read(buffer, position);
          expect(buffer.subarray(0, count)).toEqual(expected.subarray(position, position + length));
        },
      ),
    );
  });

  it('are intact only if each file is, and end where one is cut short', async () => {
    const good = fileOf(Buffer.from('good'));
    const bad = {
      ...fileOf(Buffer.from('bad')),
      intact: async () => false,
      intactNow: () => false,
      renew: async () => false,
    };
    const joined = concatenate(
      [{ file: good, first: 0, length: 4 }, { file: bad, first: 0, length: 9 }, { bytes: Buffer.from('!') }],
      undefined,
    );
    expect([await joined.intact(), joined.intactNow()]).toEqual([false, false]);
    const buffer = Buffer.alloc(14);
    expect(await joined.read(buffer, 0)).toBe(4);
  });

  it('are closed once each, however often a file is among them', async () => {
    const one = fileOf(Buffer.from('one'));
    const joined = concatenate(
      [
        { file: one, first: 0, length: 1 },
        { file: one, first: 1, length: 1 },
      ],
      undefined,
    );
    await joined.close();
    await joined.close();
  });
});
