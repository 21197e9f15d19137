import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { negotiate } from '../../src/tftp/options.ts';

const LIMITS = { blksize: 1468, windowsize: 64 };
const oack = (asked: readonly (readonly [string, string])[], size = 1000) => negotiate(asked, size, LIMITS).oack;

describe('negotiate', () => {
  it('uses the values of RFC 1350 where nothing is asked', () => {
    expect(negotiate([], 1000, LIMITS)).toEqual({ blksize: 512, windowsize: 1, timeout: undefined, oack: [] });
  });

  it('grants what is asked, in the order and spelling of the request', () => {
    const asked = [
      ['TSize', '0'],
      ['blksize', '1024'],
      ['windowsize', '4'],
      ['timeout', '3'],
    ] as const;
    expect(negotiate(asked, 1000, LIMITS)).toEqual({
      blksize: 1024,
      windowsize: 4,
      timeout: 3,
      oack: [
        ['TSize', '1000'],
        ['blksize', '1024'],
        ['windowsize', '4'],
        ['timeout', '3'],
      ],
    });
  });

  it('caps block size and window', () => {
    expect(oack([['blksize', '65464']])).toEqual([['blksize', '1468']]);
    expect(oack([['windowsize', '65535']])).toEqual([['windowsize', '64']]);
  });

  it('answers the size whatever stands in the request', () => {
    expect(oack([['tsize', '77']])).toEqual([['tsize', '1000']]);
    expect(oack([['tsize', '']])).toEqual([['tsize', '1000']]);
    expect(oack([['tsize', '0']], 5_000_000_000)).toEqual([['tsize', '5000000000']]);
  });

  it('does not name the size of an empty file, which curl takes for an error', () => {
    expect(oack([['tsize', '0']], 0)).toEqual([]);
  });

  it.each([
    ['blksize', '7'],
    ['blksize', '65465'],
    ['blksize', '-512'],
    ['blksize', '512k'],
    ['blksize', '5e2'],
    ['blksize', ''],
    ['windowsize', '0'],
    ['windowsize', '65536'],
    ['timeout', '0'],
    ['timeout', '256'],
    ['timeout', '1.5'],
    ['multicast', ''],
    ['__proto__', '1'],
  ])('leaves out %s=%s', (name, value) => {
    expect(negotiate([[name, value]], 1000, LIMITS)).toEqual(negotiate([], 1000, LIMITS));
  });

  it('takes the first of an option given twice', () => {
    const asked = [
      ['blksize', '600'],
      ['BLKSIZE', '700'],
    ] as const;
    expect(negotiate(asked, 1000, LIMITS)).toMatchObject({ blksize: 600, oack: [['blksize', '600']] });
  });

  it('never grants more than was asked, nor anything that was not', () => {
    const name = fc.constantFrom('blksize', 'BlkSize', 'windowsize', 'timeout', 'tsize', 'multicast');
    const value = fc.oneof(fc.nat(70_000).map(String), fc.string());
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (asked) => {
        for (const [granted, text] of oack(asked)) {
          const values = asked.filter(([key]) => key.toLowerCase() === granted.toLowerCase()).map(([, v]) => Number(v));
          expect(values.length).toBeGreaterThan(0);
          if (granted.toLowerCase() !== 'tsize')
            expect(Math.max(...values.filter((v) => v >= 0))).toBeGreaterThanOrEqual(Number(text));
        }
      }),
    );
  });
});
