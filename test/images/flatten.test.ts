import { describe, expect, it } from 'vitest';
import { flatEntries, indexLayers } from '../../src/images/rootfs/flatten.ts';
import { lookUp } from '../../src/images/rootfs/tree.ts';
import { memoryFile } from '../../src/model/files/random-access.ts';
import type { Member } from '../support/image-layers.ts';
import { archiveOf, flattened, makeLayers } from '../support/image-tree.ts';

const dir = (name: string): Member => ({ name, type: 'directory' });
const file = (name: string, content = name): Member => ({ name, content });
const link = (name: string, linkname: string): Member => ({ name, type: 'link', linkname });
const symlink = (name: string, linkname: string): Member => ({ name, type: 'symlink', linkname });

describe('whiteouts', () => {
  it('hide a file of a lower layer, and are no files themselves', async () => {
    expect(await flattened([file('a'), file('b')], [file('.wh.a', '')])).toEqual({ b: 'file b' });
  });

  it('hide a whole directory', async () => {
    expect(await flattened([dir('d'), file('d/a'), dir('d/e'), file('d/e/b')], [file('.wh.d', '')])).toEqual({});
  });

  it.each([
    ['before', [file('.wh.d', ''), dir('d'), file('d/new')]],
    ['after', [dir('d'), file('d/new'), file('.wh.d', '')]],
  ])('spare what their own layer has, standing %s it', async (_, upper) => {
    expect(await flattened([dir('d'), file('d/old')], upper)).toEqual({ d: 'directory', 'd/new': 'file d/new' });
  });

  it('of a name that is not there, or in a directory that is not there, do nothing', async () => {
    expect(await flattened([file('a')], [file('.wh.b', ''), file('x/y/.wh.z', '')])).toEqual({ a: 'file a' });
  });

  it.each(['.wh.', '.wh..', '.wh...', 'd/.wh.', 'd/.wh..', 'd/.wh...', './/d//.wh...'])(
    'called %j hide nothing',
    async (name) => {
      expect(await flattened([dir('d'), file('d/a')], [file(name, '')])).toEqual({ d: 'directory', 'd/a': 'file d/a' });
    },
  );

  it.each([
    ['before', [file('d/.wh..wh..opq', ''), file('d/new'), dir('d/s'), file('d/s/new')]],
    ['after', [file('d/new'), dir('d/s'), file('d/s/new'), file('d/.wh..wh..opq', '')]],
  ])('that are opaque hide all that is below a directory, standing %s its new content', async (_, upper) => {
    const lower = [dir('d'), file('d/old'), dir('d/s'), file('d/s/old'), dir('d/t'), file('d/t/old')];
    expect(await flattened(lower, upper)).toEqual({
      d: 'directory',
      'd/new': 'file d/new',
      'd/s': 'directory',
      'd/s/new': 'file d/s/new',
    });
  });

  it('that are opaque at the root leave only their own layer', async () => {
    expect(await flattened([file('a'), dir('d')], [file('.wh..wh..opq', ''), file('b')])).toEqual({ b: 'file b' });
  });

  it('of aufs for its own use are ignored, and so is what is below a marker', async () => {
    expect(await flattened([file('a'), file('.wh..wh.plnk/1.2'), file('.wh..wh.aufs', ''), file('.wh.x/y')])).toEqual({
      a: 'file a',
    });
  });

  it('work through a symbolic link to a directory', async () => {
    expect(await flattened([dir('real'), file('real/a'), symlink('d', 'real')], [file('d/.wh.a', '')])).toEqual({
      d: 'symlink real',
      real: 'directory',
    });
  });

  it('hide a symbolic link and not what it leads to', async () => {
    expect(await flattened([file('a'), symlink('s', 'a')], [file('.wh.s', '')])).toEqual({ a: 'file a' });
  });

  it('and a new file of the same name give the new file', async () => {
    expect(await flattened([file('a', 'old')], [file('.wh.a', ''), file('a', 'new')])).toEqual({ a: 'file new' });
    expect(await flattened([file('a', 'old')], [file('a', 'new'), file('.wh.a', '')])).toEqual({ a: 'file new' });
  });
});

describe('a later layer', () => {
  it('replaces a directory by a file, a file by a directory, and a symbolic link by either', async () => {
    const lower = [dir('d'), file('d/a'), file('f'), symlink('s', 'd'), symlink('t', 'f')];
    const upper = [file('d', 'now a file'), dir('f'), file('f/x'), dir('s'), file('t', 'own')];
    expect(await flattened(lower, upper)).toEqual({
      d: 'file now a file',
      f: 'directory',
      'f/x': 'file f/x',
      s: 'directory',
      t: 'file own',
    });
  });

  it('changes a directory and keeps its content', async () => {
    const sources = makeLayers(
      [{ ...dir('d'), mode: 0o700, xattrs: { 'user.old': '1' } }, file('d/a')],
      [{ ...dir('d'), mode: 0o1777, uid: 5, xattrs: { 'user.new': '2' } }],
    );
    const [, d, a] = flatEntries(await indexLayers(sources));
    expect(d?.entry).toMatchObject({ name: 'd', mode: 0o1777, uid: 5, xattrs: new Map([['user.new', '2']]) });
    expect(a?.entry.name).toBe('d/a');
  });

  it('writes through a symbolic link to a directory, which never leads out of the tree', async () => {
    const lower = [dir('usr'), dir('usr/lib'), symlink('lib', 'usr/lib'), symlink('up', '../../../usr')];
    expect(await flattened(lower, [file('lib/a'), file('up/b'), file('../../c')])).toEqual({
      c: 'file ../../c',
      lib: 'symlink usr/lib',
      up: 'symlink ../../../usr',
      usr: 'directory',
      'usr/b': 'file up/b',
      'usr/lib': 'directory',
      'usr/lib/a': 'file lib/a',
    });
  });

  it('makes the directories that it does not name', async () => {
    expect(await flattened([file('a/b/c')])).toEqual({ a: 'directory', 'a/b': 'directory', 'a/b/c': 'file a/b/c' });
  });

  it('cannot put anything into a file', async () => {
    await expect(flattened([file('a')], [file('a/b')])).rejects.toThrow('layer 2 of 2: a: a is no directory');
  });

  it('cannot walk in circles', async () => {
    await expect(flattened([symlink('a', 'b'), symlink('b', 'a'), file('a/x')])).rejects.toThrow('in circles');
  });
});

describe('hard links', () => {
  it('across layers share the content of the lower one', async () => {
    expect(await flattened([file('b', 'x')], [link('a', 'b')])).toEqual({ a: 'file x', b: 'link a' });
  });

  it('keep the content when the name that they were made from goes', async () => {
    expect(await flattened([file('a', 'x')], [link('b', 'a')], [file('.wh.a', '')])).toEqual({ b: 'file x' });
  });

  it('keep the old content when the other name gets new content', async () => {
    expect(await flattened([file('a', 'x'), link('b', 'a')], [file('a', 'y')])).toEqual({ a: 'file y', b: 'file x' });
  });

  it('may be of symbolic links, devices and FIFOs', async () => {
    const lower = [symlink('s', 'nowhere'), { name: 'p', type: 'fifo' } as const];
    expect(await flattened(lower, [link('t', 's'), link('q', './p')])).toEqual({
      p: 'fifo',
      q: 'link p',
      s: 'symlink nowhere',
      t: 'link s',
    });
  });

  it('to themselves change nothing', async () => {
    expect(await flattened([file('a', 'x'), link('a', 'a')])).toEqual({ a: 'file x' });
  });

  it('to what is not there, or is a directory, are errors', async () => {
    await expect(flattened([link('a', 'b')])).rejects.toThrow('a is a hard link to b, which is not there');
    await expect(flattened([dir('d'), link('a', 'd')])).rejects.toThrow('which is a directory');
  });
});

describe('the one archive', () => {
  it('has the same bytes whatever the layers were cut into', async () => {
    const one = await archiveOf(makeLayers([dir('d'), file('d/b'), file('a'), file('c')]));
    const three = await archiveOf(
      makeLayers([file('c'), file('x')], [dir('d'), file('a')], [file('d/b'), file('.wh.x', '')]),
    );
    expect(three.equals(one)).toBe(true);
  });

  it('is not newer than it may be', async () => {
    const tree = await indexLayers(
      makeLayers([
        { ...file('a'), mtime: 2000 },
        { ...file('b'), mtime: 500 },
      ]),
    );
    const times = [...flatEntries(tree, { latest: 1000n * 1_000_000_000n })].map(({ entry }) => entry.mtime);
    expect(times).toEqual([0n, 1_000_000_000_000n, 500_000_000_000n]);
  });

  it('says which layer is damaged', async () => {
    await expect(indexLayers([...makeLayers([]), memoryFile(Buffer.alloc(512, 'x'))])).rejects.toThrow('layer 2 of 2');
  });

  it('refuses names that no file system has', async () => {
    await expect(flattened([file('a/'.repeat(3000))])).rejects.toThrow('too long');
    await expect(flattened([{ name: './.', content: 'x' }])).rejects.toThrow('the root is no directory');
  });
});

describe('looking a path up', () => {
  it('follows symbolic links within the tree, relative and absolute', async () => {
    const tree = await indexLayers(
      makeLayers([
        dir('usr/lib'),
        file('usr/lib/x', 'found'),
        symlink('lib', '/usr/lib'),
        symlink('usr/y', '../lib/x'),
      ]),
    );
    for (const path of ['usr/lib/x', '/lib/x', 'usr/y', 'lib/../lib/./x']) {
      expect(lookUp(tree, path)).toMatchObject({ type: 'file' });
    }
    expect(lookUp(tree, 'lib/z')).toBeUndefined();
    expect(lookUp(tree, '/')?.type).toBe('directory');
  });
});

it('a symbolic link has the mode that Linux gives it', async () => {
  const [, link] = flatEntries(await indexLayers(makeLayers([{ ...symlink('s', 'a'), mode: 0o644 }])));
  expect(link?.entry.mode).toBe(0o777);
});
