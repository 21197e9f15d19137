import { describe, expect, it } from 'vitest';
import { parseRange } from '../../src/http/routes/range.ts';

describe('parseRange', () => {
  it.each([
    ['bytes=0-0', 10, { first: 0, last: 0 }],
    ['bytes=2-5', 10, { first: 2, last: 5 }],
    ['bytes=5-', 10, { first: 5, last: 9 }],
    ['bytes=9-', 10, { first: 9, last: 9 }],
    ['bytes=-3', 10, { first: 7, last: 9 }],
    ['bytes=-10', 10, { first: 0, last: 9 }],
    ['bytes=-11', 10, { first: 0, last: 9 }],
    ['bytes=0-99999999999999999999999', 10, { first: 0, last: 9 }],
    ['bytes=-99999999999999999999999', 10, { first: 0, last: 9 }],
    ['Bytes=0-1', 10, { first: 0, last: 1 }],
    ['bytes= 0-1 ', 10, { first: 0, last: 1 }],
    ['bytes=4999999990-', 5_000_000_000, { first: 4_999_999_990, last: 4_999_999_999 }],
  ])('%s of %d bytes is one range', (header, size, range) => {
    expect(parseRange(header, size)).toEqual(range);
  });

  it.each([
    ['bytes=10-', 10],
    ['bytes=10-20', 10],
    ['bytes=99999999999999999999999-', 10],
    ['bytes=-0', 10],
    ['bytes=-0', 0],
    ['bytes=0-', 0],
    ['bytes=0-0', 0],
  ])('%s of %d bytes is unsatisfiable', (header, size) => {
    expect(parseRange(header, size)).toBe('unsatisfiable');
  });

  it.each([
    [undefined, 10],
    ['', 10],
    ['bytes', 10],
    ['bytes=', 10],
    ['bytes=-', 10],
    ['bytes=a-b', 10],
    ['bytes=0x1-2', 10],
    ['bytes=+1-2', 10],
    ['bytes=1.5-2', 10],
    ['bytes=--1', 10],
    ['bytes=5-2', 10],
    ['bytes=1-2-3', 10],
    ['bytes 0-1', 10],
    ['lines=0-1', 10],
    ['bytes=0-1,3-4', 10],
    ['bytes=-5', 0],
  ])('%s of %d bytes gives the whole', (header, size) => {
    expect(parseRange(header, size)).toBe('whole');
  });
});
