import { describe, expect, it } from 'vitest';
import {
  dropImpossible,
  FAKEROOT_LIMITS,
  FILESYSTEM_LIMITS,
  fitFormat,
} from '../../src/images/output/format-limits.ts';
import { flatEntries, indexLayers } from '../../src/images/rootfs/flatten.ts';
import type { Member } from '../support/image-layers.ts';
import { makeLayers } from '../support/image-tree.ts';

const treeOf = (...members: readonly Member[]) => indexLayers(makeLayers(members));
const at = (name: string, mtime: number): Member => ({ name, mtime, content: name });
const xattr = (name: string, xattrs: Record<string, string>): Member => ({ name, content: 'x', xattrs });

describe('what a form cannot hold', () => {
  it('of times is set to the nearest that it can, and said once for all files', async () => {
    const tree = await treeOf(at('a', -300_000_000), at('b', -1), at('c', 0), at('d', 0xffff_ffff), at('e', 2 ** 33));
    const { flatten, lines } = fitFormat({ tree, flatten: {} }, FILESYSTEM_LIMITS, 'root');
    expect(lines).toEqual([
      'root: a time before 1970 is set to 1970-01-01: /a and 1 more',
      'root: a time after 2106 is set to the last that it can hold: /e',
    ]);
    const times = [...flatEntries(tree, flatten)].slice(1).map(({ entry }) => Number(entry.mtime / 1_000_000_000n));
    expect(times).toEqual([0, 0, 0, 0xffff_ffff, 0xffff_ffff]);
  });

  it('of times is nothing where the caller wants none so late', async () => {
    const tree = await treeOf(at('e', 2 ** 33));
    expect(fitFormat({ tree, flatten: { latest: 5n } }, FILESYSTEM_LIMITS, 'root').lines).toEqual([]);
  });

  it.each<readonly [string, Record<string, string>, typeof FILESYSTEM_LIMITS, readonly string[]]>([
    ['kinds', { 'system.posix_acl_access': 'x', 'user.a': 'y' }, FILESYSTEM_LIMITS, ['user.a']],
    ['size', { 'user.a': 'x'.repeat(1017), 'user.b': 'x'.repeat(1018) }, FAKEROOT_LIMITS, ['user.a']],
  ])('of attributes is left out by %s', async (_, xattrs, limits, kept) => {
    const tree = await treeOf(xattr('a', xattrs));
    const { flatten, lines } = fitFormat({ tree, flatten: {} }, limits, 'root');
    expect(lines).toEqual(['root: an extended attribute is left out, as its kind or size cannot be held: /a']);
    expect([...([...flatEntries(tree, flatten)][1]?.entry.xattrs.keys() ?? [])]).toEqual(kept);
  });

  it('is nothing of ordinary files', async () => {
    const tree = await treeOf(at('a', 5), xattr('b', { 'security.capability': 'x' }));
    expect(fitFormat({ tree, flatten: {} }, FILESYSTEM_LIMITS, 'root').lines).toEqual([]);
    expect(dropImpossible(tree)).toEqual([]);
  });
});

it('what Linux cannot hold is taken out of a tree, and said', async () => {
  const long = 'n'.repeat(256);
  const tree = await treeOf(
    { name: `dir/${long}\x1b`, content: 'x' },
    { name: `dir/${'k'.repeat(255)}`, content: 'x' },
    { name: 'link', type: 'symlink', linkname: 'a/'.repeat(2048) },
    xattr('attributes', { 'foo.bar': 'x', 'user.big': 'x'.repeat(65_537), [`user.${long}`]: 'x', 'user.ok': 'x' }),
  );
  expect(dropImpossible(tree)).toEqual([
    expect.stringMatching(/^the image: a name that is too long for Linux is left out: \/dir\/n+$/),
    "the image: a link's target that is too long for Linux is left out: /link",
    'the image: an extended attribute is left out, as its kind or size cannot be held: /attributes',
  ]);
  const names = [...flatEntries(tree)].map(({ entry }) => entry.name);
  expect(names).toEqual(['./', 'attributes', 'dir', `dir/${'k'.repeat(255)}`]);
});
