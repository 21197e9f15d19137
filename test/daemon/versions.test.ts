import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../src/artifacts/store/store.ts';
import { FreshCache } from '../../src/daemon/versions/fresh-cache.ts';
import { createVersions, type Versions } from '../../src/daemon/versions/versions.ts';
import type { Image, Root } from '../../src/model/boot/image.ts';
import type { BootEvent } from '../../src/model/event.ts';

const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');
const artifact = (path: string) => ({ kind: 'artifact', path }) as const;

let root: string;
let store: Store;
let versions: Versions;
let events: BootEvent[];
let clock: number;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'slipway-versions-'));
  events = [];
  clock = 0;
  const record = (event: BootEvent) => events.push(event);
  store = await openStore({ root, record, now: Date.now, monotonic: () => clock, settleMs: 20 });
  versions = createVersions(store, record, () => clock);
});

afterEach(async () => {
  await store.close();
  await rm(root, { recursive: true });
});

/** Writes a file, in one step, that was last changed long ago. */
async function file(path: string, content: string): Promise<void> {
  const name = join(root, path);
  await writeFile(`${name}.new`, content);
  await utimes(`${name}.new`, 1_000_000, 1_000_000);
  await rename(`${name}.new`, name);
}

/** Writes a build: its files, and then the manifest, which may name other contents. */
async function build(contents: string, named = contents): Promise<void> {
  await mkdir(join(root, 'os'), { recursive: true });
  const entry = (name: string) => ({ file: name, sha256: sha256(`${named} ${name}`), size: `${named} ${name}`.length });
  const roots = { squashfs: entry('rootfs.squashfs') };
  const files = { kernel: entry('vmlinuz'), initrd: entry('initrd.img'), roots };
  for (const name of ['vmlinuz', 'initrd.img', 'rootfs.squashfs']) await file(`os/${name}`, `${contents} ${name}`);
  const source = { digest: `sha256:${sha256('image')}`, layers: [] };
  await file('os/manifest.json', JSON.stringify({ format: 1, ...files, source }));
}

const image = (name: string, method: Root): Image => ({
  name,
  ...{ kernel: artifact('os/vmlinuz'), initrd: [artifact('os/initrd.img')], root: method },
  build: { name: 'os', roots: [method] },
});
const diskless = image('diskless', { method: 'none' });
const kernelOf = async (of: Image) => (await versions.build(of)).files.get('vmlinuz')?.digest;

describe('builds', () => {
  it('that are missing are an error with the remedy, until they are there', async () => {
    await expect(versions.build(diskless)).rejects.toThrow('slipway image build SOURCE --name os');
    await build('one');
    expect(await kernelOf(diskless)).toBe(sha256('one vmlinuz'));
  });

  it('are looked at twice a second, and at once when they are to expire', async () => {
    await build('one');
    expect(await kernelOf(diskless)).toBe(sha256('one vmlinuz'));
    await build('two');
    expect(await kernelOf(diskless)).toBe(sha256('one vmlinuz'));
    versions.expireBuilds();
    await expect.poll(() => kernelOf(diskless)).toBe(sha256('two vmlinuz'));
    await build('three');
    clock += 501;
    await expect.poll(() => kernelOf(diskless)).toBe(sha256('three vmlinuz'));
  });

  it('are ready with the files of each image that uses them', async () => {
    await build('one');
    await versions.build(diskless);
    expect(store.pinned('os/rootfs.squashfs')).toBeUndefined();
    const source = artifact('os/rootfs.squashfs');
    await versions.build(image('other', { method: 'image', source, size: null }));
    expect(store.pinned('os/rootfs.squashfs')?.digest).toBe(sha256('one rootfs.squashfs'));
  });

  it('stay as they are while a damaged one takes their place, which is left alone for a while', async () => {
    await build('one');
    await versions.build(diskless);
    await build('damaged', 'two');
    versions.expireBuilds();
    expect(await kernelOf(diskless)).toBe(sha256('one vmlinuz'));
    await expect
      .poll(() => events, { timeout: 10_000 })
      .toContainEqual(
        expect.objectContaining({ message: expect.stringMatching(/not those of its manifest.*before stays in force/) }),
      );
    clock += 501;
    expect(await kernelOf(diskless)).toBe(sha256('one vmlinuz'));
    await build('two');
    clock += 30_000;
    await expect.poll(() => kernelOf(diskless)).toBe(sha256('two vmlinuz'));
  });
});

describe('files', () => {
  it('that the store has pinned anew count at once, others after half a second', async () => {
    const digestOf = async () => (await versions.pin({ path: 'a', form: 'file' })).digest;
    await file('a', 'one');
    expect(await digestOf()).toBe(sha256('one'));
    await file('a', 'two');
    expect(await digestOf()).toBe(sha256('one'));
    await store.pin('a');
    expect(await digestOf()).toBe(sha256('two'));
    await file('a', 'three');
    clock += 501;
    expect(await digestOf()).toBe(sha256('three'));
  });
});

describe('the cache of fresh values', () => {
  it('looks once for all who ask, and again where that failed', async () => {
    const cache = new FreshCache<number>(() => clock);
    let looks = 0;
    const get = () =>
      cache.get(
        'key',
        () => true,
        async (key) => {
          looks += 1;
          if (looks === 1) throw new Error('no');
          cache.set(key, looks);
        },
      );
    await expect(Promise.all([get(), get()])).rejects.toThrow('no');
    expect(looks).toBe(1);
    expect(await Promise.all([get(), get(), get()])).toEqual([2, 2, 2]);
    expect(await get()).toBe(2);
    cache.expire();
    expect(cache.last('key')).toBe(2);
    expect(await get()).toBe(3);
  });
});
