import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readValues } from '../../src/config/yaml/read-values.ts';
import { readYaml } from '../../src/config/yaml/read-yaml.ts';
import { FIRST_FILE } from './read.ts';

const EXAMPLE = readFileSync(new URL('../../config.example.yaml', import.meta.url), 'utf8');

/** Pieces of which both right and wrong YAML can be made. */
const PIECES = [
  ...['a', 'key', ': ', ': ', ':', '\n', '\n', '\n', '  ', '  ', '    ', ' ', '- ', '- ', '-', '{', '}', '[', ']'],
  ...[', ', ',', '"', '"a b"', "'c'", "'", '#', ' # c', '1.10', '10', '-1', '0x1', '1e3', '1e+21', '.5', '-0', '+1'],
  ...['true', '~', 'null', 'off', '?', '? ', '&a ', '*a', '!', '|', '>', '%', '@', '---', '...', '\\', '<<', '\t'],
  ...['52:54:00:00:00:01', '__proto__', '.inf', '0o7', '012', 'constructor', 'a: b\n', '  a: b\n', 'a:\n', '  - x\n'],
  ...['é', '{a: b}', '[a, b]', '\u00a0', '\u0085', 'http://x/y?z#q', '\r\n', '😀'],
];
const soup = fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((pieces) => pieces.join(''));
/** A whole file with a few pieces put into it, or put in place of some characters. */
const spoilt = fc
  .array(fc.tuple(fc.nat(), fc.nat({ max: 4 }), fc.constantFrom('', ...PIECES)), { minLength: 1, maxLength: 3 })
  .map((changes) =>
    changes.reduce((text, [place, count, piece]) => {
      const at = place % text.length;
      return text.slice(0, at) + piece + text.slice(at + count);
    }, FIRST_FILE),
  );

describe('the quick reader of YAML', () => {
  it('is what configurations are written in', () => {
    for (const text of [FIRST_FILE, EXAMPLE]) expect(readValues(text)).toEqual(readYaml(text).tree?.value);
  });

  it('has the values that the library reads, and none where that finds a fault', () => {
    fc.assert(
      fc.property(fc.oneof(soup, spoilt), (text) => {
        const quick = readValues(text);
        if (quick === undefined) return;
        const { tree, flaws } = readYaml(text);
        expect(flaws).toEqual([]);
        // Not by `toStrictEqual`, which takes a key `constructor` for the object's class.
        assert.deepStrictEqual(tree?.value, quick);
        expect(JSON.stringify(tree?.value)).toBe(JSON.stringify(quick));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['a value that goes on below', 'a: b\n  c'],
    ['a list of mappings', 'a:\n  - b: c'],
    ['a collection over several lines', 'a: [b,\n  c]'],
    ['a line of folded text', 'a: >-\n  b\n  c'],
    ['an escape', 'a: "\\u0041"'],
  ])('reads %s', (_what, text) => {
    expect(readValues(text)).toEqual(readYaml(text).tree?.value);
    expect(readValues(text)).toBeDefined();
  });

  it.each([
    ['a tab', 'a:\tb'],
    ['a second document', 'a: b\n---\nc: d'],
    ['an anchor', 'a: &x b'],
    ['an alias', 'a: *x'],
    ['a tag', 'a: !!str 1'],
    ['a text with a line break', 'a: "b\\nc"'],
    ['a text behind an item of a list', 'a:\n- "c" b: d'],
    ['a key that stands twice', 'a: 1\na: 2'],
    ['a key that is none', '__proto__: 1'],
    ['a key that is a number', '7: a'],
    ['brackets without end', `a: ${'['.repeat(10_000)}`],
    ['levels without end', Array.from({ length: 100 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')],
  ])('leaves to the other: %s', (_what, text) => {
    expect(readValues(text)).toBeUndefined();
  });
});
