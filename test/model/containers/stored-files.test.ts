import { describe, expect, test } from 'vitest';
import { isStoredPath, wantedChanges } from '../../../src/model/containers/stored-files.ts';

describe('a path of a volume', () => {
  test.each(['a', 'a/b', '..a', 'a..', '.hidden', ' ', "it's", 'ü', 'a\\b', 'x'.repeat(1024)])('may be %j', (path) => {
    expect(isStoredPath(path)).toBe(true);
  });

  test.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/..',
    '../a',
    'a/./b',
    'a\nb',
    'a\0',
    '\u007f',
    '\ud800',
    'ü'.repeat(513),
  ])('may not be %j', (path) => {
    expect(isStoredPath(path)).toBe(false);
  });
});

describe('a request for URLs', () => {
  const file = { path: 'a', size: 0, mode: '0644', uid: 0, gid: 0, mtime: 0 };

  test('has files to bring and paths to remove, or one of them', () => {
    expect(wantedChanges.parse({ put: [file] })).toEqual({ put: [file], delete: [] });
    expect(wantedChanges.parse({ delete: ['a'] })).toEqual({ put: [], delete: ['a'] });
  });

  test.each([
    { mode: '4755' },
    { mode: '0999' },
    { mode: 420 },
    { uid: -1 },
    { gid: 2 ** 32 },
    { size: 1.5 },
    { size: -1 },
    { mtime: 1e300 },
    { path: '../a' },
  ])('is refused with %j', (wrong) => {
    expect(wantedChanges.safeParse({ put: [{ ...file, ...wrong }] }).success).toBe(false);
  });

  test('has a bounded number of paths', () => {
    const paths = (length: number) => ({ delete: Array.from({ length }, (_, n) => String(n)) });
    expect(wantedChanges.safeParse(paths(10_000)).success).toBe(true);
    expect(wantedChanges.safeParse(paths(10_001)).success).toBe(false);
  });
});
