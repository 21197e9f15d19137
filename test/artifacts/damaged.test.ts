import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../src/artifacts/store/store.ts';
import type { BootEvent } from '../../src/model/event.ts';

/** Long enough for a hash tree of two levels, which 128 blocks have not. */
const IMAGE = randomBytes(130 * 4096 + 7);
const OLD = Buffer.from('what a node still runs from');
const MADE = Buffer.concat([Buffer.from('<<'), IMAGE.subarray(5, 900), Buffer.from('>>')]);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const IMAGE_DIGEST = sha256(IMAGE);

let folder: string;
let root: string;
let own: string;
let events: BootEvent[];
let rootHash: string;
/** The store's own files, by name, as a good run left them. */
let files: readonly string[];

const start = () =>
  openStore({
    root,
    record: (event) => events.push(event),
    now: Date.now,
    monotonic: () => performance.now(),
    settleMs: 0,
  });

const makeFrom = (store: Store) =>
  store.pinComposed(`middle of ${IMAGE_DIGEST}`, async () => [
    { bytes: Buffer.from('<<') },
    { file: IMAGE_DIGEST, first: 5, length: 895 },
    { bytes: Buffer.from('>>') },
  ]);

async function put(name: string, bytes: Uint8Array): Promise<void> {
  await writeFile(join(root, `${name}.new`), bytes);
  await utimes(join(root, `${name}.new`), 1_000_000, 1_000_000);
  await rename(join(root, `${name}.new`), join(root, name));
}

async function bytesOf(store: Store, digest: string): Promise<Buffer | string> {
  const opened = await store.openBlob(digest);
  if (!opened.ok) return opened.reason;
  const buffer = Buffer.alloc(opened.file.size);
  await opened.file.read(buffer, 0);
  await opened.file.close();
  return buffer;
}

/** What an earlier run leaves: two versions of a file, an index, a hash tree and a recipe. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-damaged-'));
  root = join(folder, 'artifacts');
  own = join(root, '.slipway');
  events = [];
  await mkdir(root);
  const store = await start();
  await put('image', OLD);
  await store.pin('image');
  await put('image', IMAGE);
  await store.pin('image');
  const tree = await store.trees.get(IMAGE_DIGEST);
  if (!tree.ok) throw new Error(tree.why);
  ({ rootHash } = tree);
  await makeFrom(store);
  await store.close();
  files = (await readdir(own, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(own.length + 1));
  // By copies: the kept files may be other names of the artifacts, which must stay whole.
  await cp(own, join(folder, 'good'), { recursive: true, preserveTimestamps: true });
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  events = [];
  await rm(own, { recursive: true, force: true });
  await cp(join(folder, 'good'), own, { recursive: true, preserveTimestamps: true });
});

/** Starts on what is there, and sees that all is as it was, whatever had to be made anew. */
async function servesAll(what: string): Promise<void> {
  const store = await start();
  const pinned = await store.pin('image');
  expect(pinned, what).toEqual({ ok: true, pin: { digest: IMAGE_DIGEST, size: IMAGE.length } });
  expect(IMAGE.equals((await bytesOf(store, IMAGE_DIGEST)) as Buffer), what).toBe(true);
  expect(await store.trees.verity(IMAGE_DIGEST), what).toMatchObject({ rootHash });
  const made = await makeFrom(store);
  expect(made, what).toEqual({ digest: sha256(MADE), size: MADE.length });
  expect(MADE.equals((await bytesOf(store, sha256(MADE))) as Buffer), what).toBe(true);
  const old = await bytesOf(store, sha256(OLD));
  expect(typeof old === 'string' || OLD.equals(old), what).toBe(true);
  await store.collect();
  await store.close();
}

const dropped = () => events.filter(({ event }) => event === 'artifact.dropped').map(({ message }) => message);

/** Some hundred places of a file: all of a short one, and both ends of any. */
function* placesIn(length: number): Generator<number> {
  const step = Math.max(1, Math.floor(length / 60));
  for (let at = 0; at < length; at += at < 20 || at > length - 20 ? 1 : step) yield at;
}

describe('what an earlier run left behind', () => {
  it('has an index, two versions, a recipe and a tree', () => {
    expect(files.map((name) => name.split('/').slice(0, -1).join('/')).sort()).toEqual(
      ['', 'blobs/sha256', 'blobs/sha256', 'made', 'verity'].sort(),
    );
  });

  it('is taken over without a word where it is whole', async () => {
    await servesAll('untouched');
    expect(dropped()).toEqual([]);
  });

  it.each(['digests.json', 'made', 'verity', 'blobs/sha256'])(
    'may be cut short anywhere in %s, or have a byte flipped',
    async (prefix) => {
      for (const name of files.filter((each) => each.startsWith(prefix))) {
        const path = join(own, name);
        const whole = await readFile(join(folder, 'good', name));
        for (const at of placesIn(whole.length)) {
          const flipped = Buffer.from(whole);
          flipped[at] = (whole[at] ?? 0) ^ (1 << (at % 8));
          for (const [how, bytes] of [
            ['cut', whole.subarray(0, at)],
            ['flipped', flipped],
          ] as const) {
            events = [];
            await rm(path, { force: true });
            await writeFile(path, bytes);
            await servesAll(`${name} ${how} at ${at}`);
            if (!prefix.startsWith('blobs')) expect(dropped().join(), `${name} ${how} at ${at}`).toContain(name);
          }
        }
      }
    },
  );

  const inPlace: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    folder: (path) => mkdir(join(path, 'deeper'), { recursive: true }),
    'dangling link': (path) => symlink('/nowhere/at/all', path),
    'link to another file': (path) => symlink('/etc/passwd', path),
    'link to itself': (path) => symlink(path, path),
    FIFO: async (path) => execFileSync('mkfifo', [path]),
    file: (path) => writeFile(path, 'x'),
  };
  it.each(Object.keys(inPlace))('may be a %s where a file or folder of it should be', async (kind) => {
    for (const name of [...files, 'blobs', 'blobs/sha256', 'made', 'verity']) {
      if (kind === 'file' && files.includes(name)) continue;
      if (kind === 'folder' && !files.includes(name)) continue;
      events = [];
      await rm(own, { recursive: true });
      await cp(join(folder, 'good'), own, { recursive: true, preserveTimestamps: true });
      await rm(join(own, name), { recursive: true });
      await inPlace[kind]?.(join(own, name));
      await servesAll(`${kind} in place of ${name}`);
      expect(dropped().join(), `${kind} in place of ${name}`).toContain(join(own, name));
      expect((await stat(join(own, 'digests.json'))).isFile()).toBe(true);
    }
  });

  it.each(Object.keys(inPlace).filter((kind) => kind !== 'folder'))('may be a %s as a whole', async (kind) => {
    await rm(own, { recursive: true });
    await inPlace[kind]?.(own);
    await servesAll(`${kind} as a whole`);
    expect(events.filter(({ level }) => level === 'warn').map(({ message }) => message)).not.toEqual([]);
    await rm(own);
  });
});
