import { describe, expect, it } from 'vitest';
import { relate, sameBytes, tickLeft, versionFromJson, versionToJson } from '../../src/artifacts/store/version.ts';

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

describe('sameBytes', () => {
  it('trusts no move of ctime, whatever moved with it', () => {
    expect(sameBytes(version, version)).toBe(true);
    expect(sameBytes(version, { ...version, ctimeNs: 6n, nlink: 2n })).toBe(false);
    expect(sameBytes(version, { ...version, ctimeNs: 6n })).toBe(false);
  });
});

describe('tickLeft', () => {
  it('waits until a later write is sure to have another ctime', () => {
    const at = (ms: number) => tickLeft({ ...version, ctimeNs: 1_000_000_000n }, ms);
    expect([at(999), at(1000), at(1015), at(1020), at(5000)]).toEqual([0, 20, 5, 0, 0]);
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
