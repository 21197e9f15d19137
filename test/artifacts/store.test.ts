import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFile,
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store, type StoreOptions } from '../../src/artifacts/store/store.ts';
import { watchStore } from '../../src/artifacts/watch.ts';
import { foldersTo } from '../../src/artifacts/watched-folders.ts';
import type { BootEvent } from '../../src/model/event.ts';
import { type OpenResult, readWhole } from '../../src/model/files/open-file.ts';
import { asNobody } from '../support/nobody.ts';

const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');
const HOUR = 3_600_000;

let folder: string;
let root: string;
let store: Store;
let events: BootEvent[];
let clock: () => number;

const start = (more: Partial<StoreOptions> = {}) =>
  openStore({
    root,
    record: (event) => events.push(event),
    now: () => clock(),
    monotonic: () => clock(),
    settleMs: 20,
    ...more,
  });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-store-'));
  root = join(folder, 'artifacts');
  await mkdir(root);
  events = [];
  clock = Date.now;
  store = await start();
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** Writes a file that was last changed an hour ago. */
async function file(path: string, content: string): Promise<string> {
  const name = join(root, path);
  await writeFile(name, content);
  await age(name);
  return name;
}

async function age(name: string): Promise<void> {
  const past = Date.now() / 1000 - 3600;
  await utimes(name, past, past);
}

async function content(result: OpenResult): Promise<string> {
  if (!result.ok) return result.reason;
  try {
    const buffer = Buffer.alloc(result.file.size);
    await result.file.read(buffer, 0);
    return buffer.toString();
  } finally {
    await result.file.close();
  }
}

const digestOf = async (path: string): Promise<string> => {
  const result = await store.pin(path);
  return result.ok ? result.pin.digest : result.reason;
};

const kept = async (): Promise<string[]> => readdir(join(root, '.slipway/blobs/sha256')).catch(() => []);
const pinnings = (): number => events.filter(({ event }) => event === 'artifact.pinned').length;

describe('opening by path', () => {
  it('gives a file with its size', async () => {
    await file('a', 'hello');
    const result = await store.open('a');
    expect(result).toMatchObject({ ok: true, file: { size: 5 } });
    expect(await content(result)).toBe('hello');
  });

  it('tells missing files, folders and refusals apart', async () => {
    await mkdir(join(root, 'folder'));
    await file('a', 'x');
    expect(await store.open('none')).toMatchObject({ reason: 'missing' });
    expect(await store.open('a/b')).toMatchObject({ reason: 'missing' });
    expect(await store.open('x'.repeat(300))).toMatchObject({ reason: 'missing' });
    expect(await store.open('folder')).toMatchObject({ reason: 'directory' });
    expect(await store.open('../x')).toMatchObject({ reason: 'refused' });
  });

  it('follows symbolic links that stay inside', async () => {
    await mkdir(join(root, 'v1'));
    await file('v1/a', 'one');
    await symlink('v1', join(root, 'current'));
    expect(await content(await store.open('current/a'))).toBe('one');
  });

  it.each([
    ['a relative link', '../outside'],
    ['a link to a folder', '..'],
    ['an absolute link', '/etc/hostname'],
    ['a link to itself', 'escape'],
  ])('refuses %s that leaves, and says so', async (_, target) => {
    await writeFile(join(folder, 'outside'), 'secret');
    await symlink(target, join(root, 'escape'));
    const path = target === '..' ? 'escape/outside' : 'escape';
    expect(await store.open(path)).toMatchObject({ reason: 'refused' });
    expect(events).toContainEqual(expect.objectContaining({ event: 'artifact.refused', path }));
  });

  it('refuses a folder beside whose name begins like its own', async () => {
    await mkdir(`${root}-other`);
    await writeFile(`${root}-other/a`, 'secret');
    await symlink('../artifacts-other/a', join(root, 'escape'));
    expect(await store.open('escape')).toMatchObject({ reason: 'refused' });
  });

  it('hides its own folder, even behind a link', async () => {
    await file('a', 'x');
    await store.pin('a');
    await symlink('.slipway/digests.json', join(root, 'own'));
    expect(await store.open('.slipway/digests.json')).toMatchObject({ reason: 'missing' });
    expect(await store.open('own')).toMatchObject({ reason: 'missing' });
  });

  it('refuses a FIFO and a socket at once', async () => {
    spawnSync('mkfifo', [join(root, 'fifo')]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, 'socket'), resolve));
    expect(await store.open('fifo')).toMatchObject({ reason: 'refused' });
    expect(await store.open('socket')).toMatchObject({ reason: 'refused' });
    await new Promise((resolve) => server.close(resolve));
  });

  it('throws where the folder itself is gone', async () => {
    await rename(root, `${root}-moved`);
    await expect(store.open('a')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('throws for a file that may not be read', async () => {
    await chmod(await file('a', 'x'), 0);
    await asNobody([folder, root], async () => {
      await expect(store.open('a')).rejects.toMatchObject({ code: 'EACCES' });
    });
  });

  it('notices that an open file is written to', async () => {
    const name = await file('a', 'old');
    const result = await store.open('a');
    if (!result.ok) throw new Error(result.why);
    expect(await result.file.intact()).toBe(true);
    await appendFile(name, 'x');
    expect(await result.file.intact()).toBe(false);
    await result.file.close();
    await result.file.close();
  });
});

describe('pinning', () => {
  it('gives SHA-256 and size, also of an empty file', async () => {
    await file('a', 'hello');
    await file('empty', '');
    expect(await store.pin('a')).toEqual({ ok: true, pin: { digest: sha256('hello'), size: 5 } });
    expect(await store.pin('empty')).toEqual({ ok: true, pin: { digest: sha256(''), size: 0 } });
  });

  it('computes once for all who ask', async () => {
    await file('a', 'hello');
    await Promise.all(Array.from({ length: 50 }, () => store.pin('a')));
    await store.pin('a');
    expect(pinnings()).toBe(1);
  });

  it('says that a file is missing', async () => {
    expect(await store.pin('none')).toMatchObject({ ok: false, reason: 'missing' });
  });

  it('lets open name the digest of the version in force', async () => {
    await file('a', 'hello');
    await store.pin('a');
    const result = await store.open('a');
    expect(result).toMatchObject({ ok: true, file: { digest: sha256('hello') } });
    await content(result);
  });

  it('knows the digests again after a restart', async () => {
    await file('a', 'hello');
    await store.pin('a');
    await store.close();
    events = [];
    store = await start();
    expect(await digestOf('a')).toBe(sha256('hello'));
    expect(pinnings()).toBe(0);
    expect(await content(await store.openBlob(sha256('hello')))).toBe('hello');
  });

  it.each(['', '{', '[]', '{"format":2,"paths":[["a"]],"blobs":[]}', '{"format":99}'])(
    'ignores a remembered index of %j',
    async (text) => {
      await file('a', 'hello');
      await store.pin('a');
      await store.close();
      await writeFile(join(root, '.slipway/digests.json'), text);
      store = await start();
      expect(await content(await store.openBlob(sha256('hello')))).toBe('hello');
      expect(await digestOf('a')).toBe(sha256('hello'));
    },
  );

  it('believes no kept file that lost its index and its content', async () => {
    await store.close();
    await mkdir(join(root, '.slipway/blobs/sha256'), { recursive: true });
    await writeFile(join(root, '.slipway/blobs/sha256', sha256('hello')), 'forged');
    store = await start();
    expect(await store.openBlob(sha256('hello'))).toMatchObject({ reason: 'gone' });
  });

  it('notices other content of the same length with the same time stamp', async () => {
    const name = await file('a', 'one');
    const { atime, mtime } = await stat(name);
    expect(await digestOf('a')).toBe(sha256('one'));
    await writeFile(name, 'two');
    await utimes(name, atime, mtime);
    expect(await digestOf('a')).toBe(sha256('two'));
    expect(await content(await store.openBlob(sha256('one')))).not.toBe('two');
  });

  it('notices that also at another name of the file', async () => {
    const name = await file('a', 'one');
    await link(name, join(root, 'b'));
    const { atime, mtime } = await stat(name);
    for (const path of ['a', 'b']) await store.pin(path);
    await writeFile(name, 'two');
    await utimes(name, atime, mtime);
    expect(await digestOf('a')).toBe(sha256('two'));
    expect(await digestOf('b')).toBe(sha256('two'));
  });

  it('keeps a pin over a change of mode', async () => {
    const name = await file('a', 'one');
    await store.pin('a');
    await chmod(name, 0o600);
    expect(await content(await store.openBlob(sha256('one')))).toBe('one');
    expect(await digestOf('a')).toBe(sha256('one'));
  });

  it('waits for a file that is still being written', async () => {
    const name = join(root, 'a');
    await writeFile(name, 'half');
    store = await start({ settleMs: 200 });
    const pinned = digestOf('a');
    await appendFile(name, ' whole');
    expect(await pinned).toBe(sha256('half whole'));
  });

  it('gives up on a file that never comes to rest', async () => {
    const name = join(root, 'a');
    await writeFile(name, 'x');
    const future = Date.now() + 10;
    clock = () => future;
    store = await start({ settleMs: 60_000, patienceMs: 0 });
    expect(await store.pin('a')).toMatchObject({ ok: false, reason: 'busy' });
  });

  it('keeps the version before in force while a new one is written beside', async () => {
    await file('a', 'old');
    await store.pin('a');
    await writeFile(join(root, 'b'), 'new, half');
    await rename(join(root, 'b'), join(root, 'a'));
    const young = Math.ceil((await stat(join(root, 'a'))).mtimeMs) + 1;
    clock = () => young;
    expect(await digestOf('a')).toBe(sha256('old'));
    clock = () => young + 60_000;
    expect(await digestOf('a')).toBe(sha256('new, half'));
  });

  it('takes a link that is turned to another version as a change', async () => {
    await file('v1', 'one');
    await file('v2', 'two');
    await symlink('v1', join(root, 'current'));
    expect(await digestOf('current')).toBe(sha256('one'));
    await symlink('v2', join(root, 'next'));
    await rename(join(root, 'next'), join(root, 'current'));
    expect(await digestOf('current')).toBe(sha256('two'));
    expect(await content(await store.openBlob(sha256('one')))).toBe('one');
  });

  it('hashes a large file piece by piece', async () => {
    await writeFile(join(root, 'sparse'), '');
    await truncate(join(root, 'sparse'), 300_000_000);
    await age(join(root, 'sparse'));
    const zeros = createHash('sha256');
    for (let i = 0; i < 300; i++) zeros.update(Buffer.alloc(1_000_000));
    expect(await digestOf('sparse')).toBe(zeros.digest('hex'));
  });
});

describe('versions by digest', () => {
  it('stay when another file is renamed over the path', async () => {
    await file('a', 'old');
    const old = await digestOf('a');
    await file('b', 'new');
    await rename(join(root, 'b'), join(root, 'a'));
    const now = await digestOf('a');
    expect(await content(await store.openBlob(old))).toBe('old');
    expect(await content(await store.openBlob(now))).toBe('new');
    expect((await kept()).toSorted()).toEqual([old, now].toSorted());
  });

  it('stay when the path is removed', async () => {
    await file('a', 'old');
    const old = await digestOf('a');
    await rm(join(root, 'a'));
    expect(await content(await store.openBlob(old))).toBe('old');
    expect(await store.pin('a')).toMatchObject({ reason: 'missing' });
  });

  it('are gone, and never other bytes, when the file is overwritten in place', async () => {
    const name = await file('a', 'old');
    const old = await digestOf('a');
    await file('a', 'NEW');
    const result = await store.openBlob(old);
    // On file systems with reflinks the old bytes are still there.
    if (result.ok) expect(await content(result)).toBe('old');
    else expect(result.reason).toBe('gone');
    expect(await readFile(name, 'utf8')).toBe('NEW');
    expect(await content(await store.openBlob(await digestOf('a')))).toBe('NEW');
  });

  it.each([
    ['linked under its digest', (name: string, digest: string) => link(name, join(root, `${digest}.link`))],
    ['given another name', (name: string) => rename(name, `${name}.moved`)],
    ['given another mode', (name: string) => chmod(name, 0o600)],
    ['left alone', async () => {}],
  ])('are never other bytes when a file is overwritten in place, its mtime put back, and %s', async (_, then) => {
    const name = await file('a', 'old');
    const stamp = 1_700_000_000;
    await utimes(name, stamp, stamp);
    const old = await digestOf('a');
    const path = await store.open('a');
    const blob = await store.openBlob(old);
    if (!blob.ok || !path.ok) throw new Error('not opened');
    await writeFile(name, 'EVL');
    await utimes(name, stamp, stamp);
    await then(name, old);
    for (const { file } of [path, blob]) {
      const buffer = Buffer.alloc(3);
      const held = await readWhole(file, buffer, 0);
      if (held) expect(buffer.toString()).toBe('old');
      await file.close();
    }
    for (let round = 0; round < 2; round++) {
      expect(['old', 'gone', 'missing']).toContain(await content(await store.openBlob(old)));
      expect(await store.open('a')).not.toMatchObject({ file: { digest: old } });
      await store.close();
      store = await start();
    }
    const now = await store.pin('a');
    if (now.ok) expect(now.pin.digest).toBe(sha256('EVL'));
    expect(['old', 'gone', 'missing']).toContain(await content(await store.openBlob(old)));
  });

  it('are hashed again, and stay, when a file that is kept loses a name while it is read', async () => {
    const name = await file('a', 'old');
    const blob = await store.openBlob(await digestOf('a'));
    if (!blob.ok) throw new Error(blob.why);
    await rm(name);
    const buffer = Buffer.alloc(3);
    await readWhole(blob.file, buffer, 0);
    expect([buffer.toString(), await blob.file.intact()]).toEqual(['old', true]);
    await blob.file.close();
  });

  it('come from another path of the same content when the kept file is lost', async () => {
    await file('a', 'same');
    await file('b', 'same');
    const digest = await digestOf('a');
    expect(await digestOf('b')).toBe(digest);
    await rm(join(root, '.slipway'), { recursive: true });
    expect(await content(await store.openBlob(digest))).toBe('same');
    await file('a', 'other');
    expect(await content(await store.openBlob(digest))).toBe('same');
  });

  it('are missing if they never were', async () => {
    expect(await store.openBlob('0'.repeat(64))).toMatchObject({ reason: 'missing' });
    expect(await store.openBlob('../../../etc/passwd')).toMatchObject({ reason: 'missing' });
  });

  it('survive more links to the file', async () => {
    const name = await file('a', 'old');
    const old = await digestOf('a');
    await link(name, join(folder, 'backup'));
    expect(await digestOf('a')).toBe(old);
    expect(pinnings()).toBe(1);
  });

  it('are removed when no path names them and nobody used them for an hour', async () => {
    await file('a', 'old');
    const old = await digestOf('a');
    await file('b', 'new');
    await rename(join(root, 'b'), join(root, 'a'));
    const now = await digestOf('a');
    await store.collect();
    expect(await kept()).toHaveLength(2);
    clock = () => Date.now() + HOUR + 1000;
    const reading = await store.openBlob(old);
    await store.collect();
    expect(await kept()).toHaveLength(2);
    await content(reading);
    clock = () => Date.now() + 2 * HOUR + 2000;
    await store.collect();
    expect(await kept()).toEqual([now]);
    expect(await store.openBlob(old)).toMatchObject({ reason: 'missing' });
    expect(await content(await store.openBlob(now))).toBe('new');
  });

  it.each([
    ['forward', 1],
    ['back', -1],
  ])('stay where they were just handed out, though the clock is set %s by a year', async (_where, sign) => {
    await store.close();
    store = await start({ monotonic: () => performance.now() });
    await file('a', 'old');
    const old = await digestOf('a');
    await file('b', 'new');
    await rename(join(root, 'b'), join(root, 'a'));
    await digestOf('a');
    clock = () => Date.now() + sign * 365 * 24 * HOUR;
    await store.collect();
    expect(await content(await store.openBlob(old))).toBe('old');
  });

  it('are removed an hour after their path was', async () => {
    await rm(await file('a', 'old').then(async (name) => (await store.pin('a')) && name));
    clock = () => Date.now() + HOUR + 1000;
    await store.collect();
    expect(await kept()).toEqual([]);
  });

  it('leave no rubbish of a killed process', async () => {
    await file('a', 'x');
    await store.pin('a');
    await store.close();
    await writeFile(join(root, '.slipway/blobs/sha256/left.new'), 'x');
    store = await start();
    expect(await kept(), 'another process may be making it').toContain('left.new');
    await store.close();
    clock = () => Date.now() + HOUR;
    store = await start();
    expect(await kept()).toEqual([sha256('x')]);
  });

  it('are served from the path alone where nothing can be kept', async () => {
    await file('a', 'old');
    await store.close();
    await rm(join(root, '.slipway'), { recursive: true });
    await chmod(root, 0o555);
    const old = await asNobody([folder], async () => {
      store = await start();
      const digest = await digestOf('a');
      expect(await content(await store.openBlob(digest))).toBe('old');
      return digest;
    });
    expect(events).toContainEqual(expect.objectContaining({ event: 'artifact.unkept' }));
    await chmod(root, 0o755);
    await file('a', 'new');
    expect(await store.openBlob(old)).toMatchObject({ reason: 'gone' });
  });
});

describe('the folders that are watched', () => {
  it('are those on the way to what is used, and none outside wherever links lead', async () => {
    await mkdir(join(root, 'v1/deep'), { recursive: true });
    await mkdir(join(root, 'unused/many'), { recursive: true });
    await file('v1/deep/a', 'a');
    await symlink('v1', join(root, 'current'));
    await symlink('/', join(root, 'u'));
    await symlink('..', join(root, 'up'));
    await symlink('loop', join(root, 'loop'));
    const paths = ['current/deep/a', 'u/etc/hostname', 'up/x', 'loop/x', 'none/x', 'v1/deep/a/b'];
    const { folders, full } = await foldersTo(root, paths, 10);
    expect([...folders.keys()].toSorted()).toEqual([root, join(root, 'v1'), join(root, 'v1/deep')]);
    expect(full).toBe(false);
    expect(folders.get(join(root, 'v1/deep'))?.names.get('a')).toEqual(new Set(['current/deep/a', 'v1/deep/a/b']));
    expect(folders.get(root)?.names.get('current')).toEqual(new Set(['current/deep/a']));
    expect((await foldersTo(root, paths, 2)).full).toBe(true);
  });
});

describe('watching', () => {
  it('says once that there are too many folders', async () => {
    for (const name of ['a', 'b', 'c']) await mkdir(join(root, name));
    const watcher = await watchStore({
      ...{ store, settleMs: 20, onName: () => {}, onChange: () => {}, maxFolders: 2 },
      paths: () => ['a/x', 'b/x', 'c/x'],
      record: (event) => events.push(event),
    });
    await watcher.refresh();
    await watcher.stop();
    expect(events.filter(({ event }) => event === 'artifact.watch')).toHaveLength(1);
  });

  it('pins a changed file before anybody asks, and only files that are in use', async () => {
    await file('a', 'old');
    await file('unused', 'x');
    await store.pin('a');
    const changed: string[] = [];
    let told = () => {};
    const news = new Promise<void>((resolve) => {
      told = resolve;
    });
    const watcher = await watchStore({
      store,
      record: (event) => events.push(event),
      settleMs: 20,
      paths: () => ['a', 'unused'],
      onName: () => {},
      onChange: (path) => {
        changed.push(path);
        told();
      },
    });
    await file('unused', 'y');
    await file('b', 'new');
    await rename(join(root, 'b'), join(root, 'a'));
    await news;
    expect(changed).toEqual(['a']);
    expect(await content(await store.openBlob(sha256('new')))).toBe('new');
    await watcher.stop();
  });
});
