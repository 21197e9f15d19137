import { describe, expect, it } from 'vitest';
import { relate, versionFromJson, versionToJson } from '../../src/artifacts/version.ts';

const version = { dev: 1n, ino: 2n, size: 3, mtimeNs: 1_795_252_500_950_797_386n, ctimeNs: 5n, nlink: 1n };

describe('relate', () => {
  it.each([
    ['nothing moved', {}, 'same'],
    ['a name was added', { ctimeNs: 6n, nlink: 2n }, 'relinked'],
    ['only ctime moved', { ctimeNs: 6n }, 'touched'],
    ['the length moved', { ctimeNs: 6n, size: 4 }, 'changed'],
    ['mtime moved', { ctimeNs: 6n, mtimeNs: 5n }, 'changed'],
    ['it is another file', { ino: 3n }, 'changed'],
  ])('when %s', (_, difference, relation) => {
    expect(relate(version, { ...version, ...difference })).toBe(relation);
  });
});

describe('versions in JSON', () => {
  it('come back with every digit', () => {
    expect(versionFromJson(JSON.parse(JSON.stringify(versionToJson(version))))).toEqual(version);
  });

  it.each([
    [null],
    [[]],
    [['1', '2', '3', '4', '5']],
    [['1', '2', '3', '4', '5', 'x']],
    [[1, 2, 3, 4, 5, 6]],
    ['123456'],
  ])('are refused as %j', (json) => {
    expect(versionFromJson(json)).toBeUndefined();
  });
});
