import { describe, expect, it } from 'vitest';
import { evaluatePreconditions, rangeApplies } from '../../src/http/routes/conditional.ts';

const DATE = 'Tue, 15 Nov 1994 12:45:26 GMT';
const LATER = 'Tue, 15 Nov 1994 12:45:27 GMT';
const EARLIER = 'Tue, 15 Nov 1994 12:45:25 GMT';
const now = { etag: '"a"', lastModified: Date.parse(DATE) + 500 };
const weak = { etag: 'W/"a"' };

describe('evaluatePreconditions', () => {
  it.each([
    ['nothing is asked', {}, 'proceed'],
    ['If-None-Match names it', { 'if-none-match': '"a"' }, 'not-modified'],
    ['If-None-Match names it weakly', { 'if-none-match': 'W/"a"' }, 'not-modified'],
    ['If-None-Match names it among others', { 'if-none-match': '"x,y", "a"' }, 'not-modified'],
    ['If-None-Match is a star', { 'if-none-match': '*' }, 'not-modified'],
    ['If-None-Match names another', { 'if-none-match': '"b"' }, 'proceed'],
    ['If-None-Match is no tag', { 'if-none-match': 'a' }, 'proceed'],
    ['If-None-Match outweighs If-Modified-Since', { 'if-none-match': '"b"', 'if-modified-since': LATER }, 'proceed'],
    ['If-Modified-Since is the very second', { 'if-modified-since': DATE }, 'not-modified'],
    ['If-Modified-Since is earlier', { 'if-modified-since': EARLIER }, 'proceed'],
    ['If-Modified-Since is no date', { 'if-modified-since': '5' }, 'proceed'],
    ['If-Match names it', { 'if-match': '"b", "a"' }, 'proceed'],
    ['If-Match is a star', { 'if-match': '*' }, 'proceed'],
    ['If-Match names another', { 'if-match': '"b"' }, 'failed'],
    ['If-Match names it weakly', { 'if-match': 'W/"a"' }, 'failed'],
    ['If-Match fails before If-None-Match is looked at', { 'if-match': '"b"', 'if-none-match': '"a"' }, 'failed'],
    ['If-Match outweighs If-Unmodified-Since', { 'if-match': '"a"', 'if-unmodified-since': EARLIER }, 'proceed'],
    ['If-Unmodified-Since is earlier', { 'if-unmodified-since': EARLIER }, 'failed'],
    ['If-Unmodified-Since is the very second', { 'if-unmodified-since': DATE }, 'proceed'],
  ])('when %s', (_, headers, outcome) => {
    expect(evaluatePreconditions(headers, now)).toBe(outcome);
  });

  it('compares a weak tag weakly for If-None-Match and never for If-Match', () => {
    expect(evaluatePreconditions({ 'if-none-match': '"a"' }, weak)).toBe('not-modified');
    expect(evaluatePreconditions({ 'if-match': 'W/"a"' }, weak)).toBe('failed');
  });

  it('ignores dates where the file has none that can be trusted', () => {
    expect(evaluatePreconditions({ 'if-modified-since': LATER }, weak)).toBe('proceed');
    expect(evaluatePreconditions({ 'if-unmodified-since': EARLIER }, weak)).toBe('proceed');
  });
});

describe('rangeApplies', () => {
  it.each([
    [undefined, now, true],
    ['"a"', now, true],
    ['"b"', now, false],
    ['W/"a"', now, false],
    ['W/"a"', weak, false],
    ['"a"', weak, false],
    [DATE, now, true],
    [LATER, now, false],
    [EARLIER, now, false],
    [DATE, weak, false],
    ['nonsense', now, false],
    ['*', now, false],
  ])('If-Range %s for %o: %s', (header, validators, applies) => {
    expect(rangeApplies(header, validators)).toBe(applies);
  });
});
