import { defineMappingTag, defineScalarTag, load, mapTag, NOT_RESOLVED, Schema, seqTag } from 'js-yaml';
import { FORBIDDEN } from './read-yaml.ts';

/**
 * Reads the values of a configuration and no places, some ten times as fast as `read-yaml.ts`: js-yaml for the values of a
 * text without faults, yaml for the places of all values where something is wrong. Both must give the same values.
 */

/**
 * Texts that are left to the other reader: with tabs and carriage returns, several documents, anchors and tags, and what
 * js-yaml 5.5 reads though it is no YAML (a block scalar as the document, text behind a quoted item of a list).
 */
const LEFT =
  /[\t\r\u0085\ufeff]|^ *(?:---|\.\.\.)|(?:^|[\s,[{:-])[!&]|^ *[|>]|^\s*-\s+(?:"[^"\n]*"|'[^'\n]*')\s*[^\s#,\]}]/m;
/** Deeper than any configuration. */
const MAX_DEPTH = 20;
/** The longest key that yaml reads, characters. */
const MAX_KEY = 1000;

const NUMBER = /^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/;
const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);

/** A plain scalar by YAML 1.2's core schema (section 10.3.2), but that `1.10` is a text: it would print as another. */
const plain = defineScalarTag('tag:yaml.org,2002:null', {
  implicit: true,
  identify: () => false,
  resolve: (source) => {
    const word = WORDS.get(source);
    if (word !== undefined) return word;
    return NUMBER.test(source) && String(Number(source)) === source ? Number(source) : NOT_RESOLVED;
  },
});

/** Whether the text that is read has values of several lines. */
let hasLines = false;

const text = defineScalarTag('tag:yaml.org,2002:str', {
  identify: () => false,
  resolve: (source) => {
    if (!FORBIDDEN.test(source)) return source;
    if (FORBIDDEN.test(source.replace(/\n/g, ''))) throw new Error('a forbidden character');
    hasLines = true;
    return source;
  },
});

const mapping = defineMappingTag<Record<string, unknown>>('tag:yaml.org,2002:map', {
  ...mapTag,
  addPair: (mapping, key, value) => {
    // A key is text as it is written, so that `007` is not `7`: only the tokens tell.
    if (typeof key !== 'string' || key === '__proto__' || key === '<<' || key.length > MAX_KEY) return 'no plain key';
    mapping[key] = value;
    return '';
  },
});

const SCHEMA = new Schema([text, seqTag, mapping, plain]);

/** Whether a value has texts of several lines outside `configuration:`, where they are forbidden. */
function linesElsewhere(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.includes('\n');
  if (Array.isArray(value)) return value.some((each) => linesElsewhere(each, depth + 1));
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([key, each]) =>
      key.includes('\n') ||
      (!(key === 'configuration' && (depth === 0 || depth === 2)) && linesElsewhere(each, depth + 1)),
  );
}

/**
 * Reads a text without faults.
 * @returns the value that `readYaml` gives too; undefined for a text with a fault, and for rare kinds of YAML
 */
export function readValues(yaml: string): unknown {
  if (LEFT.test(yaml)) return undefined;
  try {
    hasLines = false;
    const value = load(yaml, { schema: SCHEMA, maxAliases: 0, maxDepth: MAX_DEPTH });
    return hasLines && linesElsewhere(value) ? undefined : value;
  } catch {
    return undefined;
  }
}
