import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Member, makeTar } from '../support/image-layers.ts';
import { archiveOf, makeLayers } from '../support/image-tree.ts';
import { TOP } from '../support/lab.ts';
import { must } from '../support/process.ts';

// umoci unpacks as root what we flatten; then every file of the two trees is compared.

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-flatten-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What image-files.py prints. */
interface Files {
  readonly files: Record<string, (string | number | object)[]>;
  readonly links: readonly (readonly string[])[];
}

async function files(root: string): Promise<Files> {
  return JSON.parse(await must('python3', [join(TOP, 'test/support/image-files.py'), root]));
}

async function byUmoci(layers: readonly (readonly Member[])[]): Promise<Files> {
  const image = join(folder, 'oci');
  await must('umoci', ['init', '--layout', image]);
  await must('umoci', ['new', '--image', `${image}:x`]);
  for (const members of layers) {
    const tar = join(folder, 'layer.tar');
    await writeFile(tar, makeTar(members));
    await must('umoci', ['raw', 'add-layer', '--image', `${image}:x`, tar]);
  }
  await must('umoci', ['raw', 'unpack', '--image', `${image}:x`, join(folder, 'umoci')]);
  return files(join(folder, 'umoci'));
}

async function byUs(layers: readonly (readonly Member[])[]): Promise<Files> {
  const tar = join(folder, 'flat.tar');
  const tree = join(folder, 'ours');
  await writeFile(tar, await archiveOf(makeLayers(...layers)));
  await mkdir(tree);
  const options = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--same-owner'];
  await must('tar', ['-x', '-p', ...options, '-f', tar, '-C', tree]);
  return files(tree);
}

const dir = (name: string, more: Partial<Member> = {}): Member => ({ name, type: 'directory', mtime: 1000, ...more });
const file = (name: string, more: Partial<Member> = {}): Member => ({ name, content: name, mtime: 2000, ...more });
const link = (name: string, linkname: string): Member => ({ name, type: 'link', linkname });
const symlink = (name: string, linkname: string): Member => ({ name, type: 'symlink', linkname, mtime: 3000 });
const gone = (name: string): Member => ({ name, content: '' });

const CAPABILITY = '\x01\0\0\x02\0\xfc\x80\0\0\0\0\0\xff\0\0\0\0\0\0\0';
const ROOT = dir('./', { mtime: 500 });

const CASES: Readonly<Record<string, readonly (readonly Member[])[]>> = {
  'modes, owners, times and attributes': [
    [
      ROOT,
      dir('tmp', { mode: 0o1777 }),
      file('su', { mode: 0o4755 }),
      file('ping', { xattrs: { 'security.capability': CAPABILITY } }),
      file('user', { uid: 100_000, gid: 4_000_000_000, mode: 0o600, xattrs: { 'user.a': '\xff\0', 'trusted.b': 'c' } }),
      dir('closed', { mode: 0 }),
      file('closed/in'),
      { name: 'null', type: 'character', mode: 0o666, major: 1, minor: 3 },
      { name: 'disk', type: 'block', mode: 0o660, gid: 6, major: 259, minor: 1000 },
      { name: 'pipe', type: 'fifo', mode: 0o600 },
      symlink('s', '../../etc/../nowhere'),
    ],
    [dir('tmp', { mode: 0o700, uid: 9 }), file('user', { xattrs: { 'user.z': '1' } }), file('su', { mode: 0o2755 })],
  ],
  'whiteouts of every kind': [
    [
      ROOT,
      ...['a', 'b', 'c', 'd'].flatMap((name) => [dir(name), file(`${name}/x`), dir(`${name}/s`), file(`${name}/s/y`)]),
      file('f'),
      symlink('toA', 'a'),
    ],
    [
      gone('.wh.f'),
      gone('a/.wh.x'),
      dir('b', { mode: 0o711 }),
      gone('b/.wh..wh..opq'),
      file('b/new'),
      dir('c'),
      file('c/s/z'),
      gone('.wh.c'),
      gone('.wh.d'),
      dir('d', { mtime: 77 }),
      file('d/back'),
      gone('toA/.wh.s'),
      gone('.wh.nothing'),
    ],
    [gone('b/.wh.new'), file('f', { content: 'again' })],
  ],
  'hard links across layers': [
    [ROOT, dir('bin'), file('bin/a', { mode: 0o755 }), file('lone'), symlink('sym', 'bin/a')],
    [link('bin/b', 'bin/a'), link('bin/c', './bin/a'), link('sym2', 'sym'), link('kept', 'lone')],
    [gone('bin/.wh.a'), gone('.wh.lone'), file('bin/c', { content: 'own' })],
    [link('bin/d', '/bin/b')],
  ],
  'one kind of file over another': [
    [
      ROOT,
      dir('d'),
      file('d/a'),
      file('f'),
      symlink('s', 'd'),
      symlink('t', 'f'),
      dir('usr'),
      dir('usr/lib'),
      symlink('lib', 'usr/lib'),
    ],
    [
      file('d', { content: 'now a file' }),
      dir('f'),
      file('f/x'),
      dir('s'),
      file('t'),
      file('lib/through'),
      symlink('f/l', 'x'),
    ],
  ],
  'names of any bytes, long and deep': [
    [
      ROOT,
      file('caf\xe9'),
      file('\x01\n\t "\'\\ *?'),
      file('\xe2\x82\xac'),
      file('n'.repeat(255)),
      dir('deep'),
      file(`${'deep/'.repeat(100)}end`),
      symlink('far', '../x/'.repeat(200)),
      file('-rf'),
      file('a.wh.b'),
    ],
  ],
  'sparse files': [
    [
      ROOT,
      file('sparse', { content: 'abcdef', holes: { size: 20_000_000, at: [4096, 9_999_999] } }),
      file('hole', { content: '', holes: { size: 5_000_000, at: [] } }),
    ],
    [link('again', 'sparse')],
  ],
  'directories that no layer names, and paths that climb': [
    [ROOT, file('x/y/z'), file('/abs'), file('./dot'), file('../../up'), file('x/../side'), symlink('out', '/../../x')],
    [file('out/in')],
  ],
};

it.each(Object.entries(CASES))('gives what umoci gives: %s', async (_, layers) => {
  const began = Date.now() * 1e6;
  const [umoci, ours] = [await byUmoci(layers), await byUs(layers)];
  // umoci takes things out of directories, and makes directories, with the time of doing so; that is nobody's time.
  const known = (found: Files, path: string) => Number(found.files[path]?.[4]) < began;
  for (const path of Object.keys(umoci.files))
    if (!known(umoci, path)) umoci.files[path]?.splice(4, 1, ours.files[path]?.[4] ?? 0);
  expect(ours).toEqual(umoci);
});
