import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../src/artifacts/store/store.ts';
import { nbdExports } from '../../src/daemon/services/nbd.ts';
import type { ServingState } from '../../src/daemon/serving/serving-state.ts';
import type { BootEvent } from '../../src/model/event.ts';
import { aConfig, aNode, anImage, settings, sourced } from '../support/config.ts';
import { asNobody } from '../support/nobody.ts';
import { must, run } from '../support/process.ts';

// What nodes read: the image, and a tree that cryptsetup's verity accepts.

const HOUR = 3_600_000;
const SIZE = 300 * 4096 + 100;

let folder: string;
let root: string;
let store: Store;
let events: BootEvent[];
let clock: () => number;

const start = async () => {
  store = await openStore({
    root,
    record: (event) => events.push(event),
    now: () => clock(),
    monotonic: () => clock(),
    settleMs: 20,
  });
};
const source = { kind: 'artifact', path: 'root.squashfs' } as const;
const config = aConfig([aNode({ settings: settings({ image: sourced(anImage({ method: 'lazy', source })) }) })]);
const exports = () => nbdExports(() => ({ config, store }) as unknown as ServingState);
const computed = () => events.filter(({ event }) => event === 'artifact.tree').length;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-nbd-'));
  root = join(folder, 'artifacts');
  await mkdir(root);
  events = [];
  clock = Date.now;
  await start();
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** Puts an image in place and pins it. */
async function put(content: Buffer): Promise<string> {
  const path = join(root, 'root.squashfs');
  await writeFile(`${path}.new`, content);
  const past = Date.now() / 1000 - 3600;
  await utimes(`${path}.new`, past, past);
  await rename(`${path}.new`, path);
  const result = await store.pin('root.squashfs');
  if (!result.ok) throw new Error(result.why);
  return result.pin.digest;
}

async function readAll(digest: string): Promise<Buffer | undefined> {
  const opened = await exports().open(digest);
  if (!opened) return undefined;
  const bytes = Buffer.alloc(opened.size, 0xff);
  // Pieces that begin and end within blocks, and one that has the end of the image within it.
  for (let at = 0; at < bytes.length; at += 50_001) {
    const piece = bytes.subarray(at, at + 50_001);
    expect(await opened.read(piece, at)).toBe(piece.length);
  }
  await opened.close();
  await opened.close();
  return bytes;
}

describe('an export', () => {
  it('is the image in whole blocks and a tree that veritysetup verifies, and no other bytes', async () => {
    const image = randomBytes(SIZE);
    const digest = await put(image);
    const bytes = (await readAll(digest)) ?? Buffer.alloc(0);
    const tree = await store.trees.verity(digest);
    if ('why' in tree) throw new Error(tree.why);
    expect(tree.blocks).toBe(301);
    expect(bytes).toHaveLength((301 + 4) * 4096);
    expect(bytes.subarray(0, SIZE).equals(image)).toBe(true);
    expect(bytes.subarray(SIZE, 301 * 4096).every((byte) => byte === 0)).toBe(true);
    const file = join(folder, 'export');
    const offset = `--hash-offset=${301 * 4096}`;
    const verify = ['verify', '--no-superblock', '--salt=-', '--data-blocks=301', offset, file, file, tree.rootHash];
    await writeFile(file, bytes);
    await must('veritysetup', verify);
    bytes[150 * 4096] = (bytes[150 * 4096] ?? 0) ^ 1;
    await writeFile(file, bytes);
    expect((await run('veritysetup', verify)).code).not.toBe(0);
  });

  it('is named by digest only', async () => {
    await put(randomBytes(SIZE));
    for (const name of ['', 'root.squashfs', '../root.squashfs', '0'.repeat(64), 'A'.repeat(64)]) {
      expect(await exports().open(name)).toBeUndefined();
    }
  });

  it('is listed while its image is in force, and stays for those who read the version before', async () => {
    const [first, second] = [randomBytes(SIZE), randomBytes(SIZE)];
    const old = await put(first);
    expect(exports().names()).toEqual([old]);
    const held = await exports().open(old);
    const present = await put(second);
    expect(exports().names()).toEqual([present]);
    clock = () => Date.now() + 2 * HOUR;
    await store.collect();
    expect((await readAll(old))?.subarray(0, SIZE).equals(first)).toBe(true);
    await held?.close();
    clock = () => Date.now() + 4 * HOUR;
    await store.collect();
    expect(await readAll(old)).toBeUndefined();
    expect(await readdir(join(root, '.slipway/verity'))).not.toContain(old);
  });

  it('is hashed for a client once at most, and never where no node reads it so', async () => {
    const digest = await put(randomBytes(SIZE));
    const vmlinuz = join(root, 'vmlinuz');
    await writeFile(vmlinuz, randomBytes(SIZE));
    await utimes(vmlinuz, 1, 1);
    const { trees } = store;
    const asked: string[] = [];
    const watched = {
      ...store,
      trees: {
        ...trees,
        get: (name: string) => asked.push(`get ${name}`) && trees.get(name),
        stored: (name: string, size: number) => asked.push(`stored ${name}`) && trees.stored(name, size),
      },
    };
    const own = nbdExports(() => ({ config, store: watched }) as unknown as ServingState);
    for (let i = 0; i < 5; i++) {
      const opened = await Promise.all([own.open(digest), own.open(digest)]);
      for (const each of opened) await each?.close();
    }
    expect(asked).toEqual([`get ${digest}`]);
    // Any other file that the store knows by its digest is one that HTTP serves.
    const kernel = await store.pin('vmlinuz');
    const name = kernel.ok ? kernel.pin.digest : '';
    expect(await own.open(name)).toBeUndefined();
    expect(asked).toEqual([`get ${digest}`, `stored ${name}`]);
    expect(computed()).toBe(1);
  });

  it('has no tree where the image is one block or none', async () => {
    const digest = await put(randomBytes(4096));
    expect(await exports().open(digest)).toBeUndefined();
    expect(await store.trees.verity(digest)).toMatchObject({ ok: false, reason: 'small' });
  });

  it('ends where the image is overwritten in place', async () => {
    const digest = await put(randomBytes(SIZE));
    // The kept version is a second name of the same file where the file system cannot copy by reference.
    const opened = await exports().open(digest);
    await writeFile(join(root, '.slipway/blobs/sha256', digest), randomBytes(SIZE), { mode: 0o644 });
    expect(await opened?.read(Buffer.alloc(4096), 0)).toBe(0);
    await opened?.close();
  });
});

describe('hash trees', () => {
  it('are computed once, and read again after a restart', async () => {
    const digest = await put(randomBytes(SIZE));
    const trees = await Promise.all([1, 2, 3].map(() => store.trees.get(digest)));
    await store.trees.get(digest);
    expect(new Set(trees.map((tree) => tree.ok && tree.rootHash)).size).toBe(1);
    await store.close();
    await start();
    expect(await store.trees.get(digest)).toEqual(trees[0]);
    expect(computed()).toBe(1);
  });

  it('stay in memory where the folder cannot be written', async () => {
    const digest = await put(randomBytes(SIZE));
    const [first, second] = await asNobody([folder, root], async () => [
      await store.trees.get(digest),
      await store.trees.get(digest),
    ]);
    expect(first).toMatchObject({ ok: true, blocks: 301 });
    expect(second).toBe(first);
  });

  it.each([0, 4000])('of one block that are damaged at byte %i of it are computed again', async (at) => {
    const digest = await put(randomBytes(5 * 4096));
    const before = await store.trees.get(digest);
    const path = join(root, '.slipway/verity', digest);
    const bytes = await readFile(path);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await store.trees.get(digest)).toEqual(before);
  });

  it('that are damaged on the disk are computed again', async () => {
    const digest = await put(randomBytes(SIZE));
    const before = await store.trees.get(digest);
    const path = join(root, '.slipway/verity', digest);
    const kept = await readFile(path);
    const bytes = Buffer.from(kept);
    bytes[9000] = (bytes[9000] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await store.trees.get(digest)).toEqual(before);
    await writeFile(path, 'short');
    expect(await store.trees.get(digest)).toEqual(before);
    expect(computed()).toBe(3);
    expect(events.filter(({ event }) => event === 'artifact.dropped')).toHaveLength(2);
    expect((await readFile(path)).equals(kept)).toBe(true);
  });
});
