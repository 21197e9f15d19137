import { secretOf } from '../../model/configuration/merge.ts';

/** Steps from the root of the document: keys of mappings, and indices of lists from 0. */
export type Path = readonly (string | number)[];

const PLAIN_KEY = /^[\w.-]+$/;

/** A text that is safe to print: control characters, line breaks and half surrogate pairs are escaped. */
export function escapeText(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\p{Surrogate}]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const shorten = (text: string) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);

/** A name without quotes, as lists show it. */
const shortText = (text: string) => escapeText(shorten(text));

/** A text in quotes for a message: escaped, and at most 60 characters of it. */
export function quote(text: string): string {
  return escapeText(JSON.stringify(shorten(text)));
}

/** A path as people write it: `nodes.n001.mac[1]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${PLAIN_KEY.test(step) ? step : quote(step)}`;
  }
  return text;
}

/** A value in words, for the end of a message: "…, found a list". */
export function describeValue(value: unknown): string {
  if (secretOf(value) !== undefined) return 'a secret';
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'a mapping' : String(value);
}

/** The Levenshtein distance of two short texts. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The candidate nearest to a mistyped name; undefined if none is near. */
function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > 64) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const steps = distance(name.toLowerCase(), candidate.toLowerCase());
    if (steps < least) [best, least] = [candidate, steps];
  }
  return best;
}

/** The end of a message about a name that does not exist: a near name, or else the names that exist. */
export function suggest(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  if (near !== undefined) return `did you mean ${quote(near)}?`;
  if (candidates.length === 0) return 'none is defined';
  const shown = candidates.slice(0, 20).map(shortText).join(', ');
  return `expected ${candidates.length === 1 ? '' : 'one of '}${shown}${candidates.length > 20 ? ', …' : ''}`;
}
