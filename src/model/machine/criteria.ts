import { FACT_NAMES, type FactName, type Facts } from './facts.ts';

/** What a machine must be: for each fact that is named, one of these texts, which may have `*` and `?`. */
export interface Criteria {
  readonly facts: Readonly<Partial<Record<FactName, readonly string[]>>>;
  /** The same for labels of its node. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

export type Labels = Readonly<Record<string, string>>;

const isGlob = (pattern: string): boolean => /[*?]/.test(pattern);

/**
 * Whether a text is what a pattern says, in upper or lower case: `*` is any text, `?` any character. In time that grows
 * with the product of the lengths at most.
 */
export function globMatches(pattern: string, text: string): boolean {
  const [p, t] = [pattern.toLowerCase(), text.toLowerCase()];
  let [at, from, star, mark] = [0, 0, -1, 0];
  while (from < t.length) {
    if (p[at] === '*') {
      star = at++;
      mark = from;
    } else if (p[at] === '?' || p[at] === t[from]) {
      at++;
      from++;
    } else if (star >= 0) {
      at = star + 1;
      from = ++mark;
    } else return false;
  }
  while (p[at] === '*') at++;
  return at === p.length;
}

const oneOf = (patterns: readonly string[], value: string) => patterns.some((each) => globMatches(each, value));

/** Why a machine is not what the criteria say. `unknown` where a fact is not known, so that it may be. */
export interface Mismatch {
  readonly what: FactName | `labels.${string}`;
  readonly wanted: readonly string[];
  readonly found: string | undefined;
  readonly unknown: boolean;
}

/**
 * The first thing in which a machine is not what the criteria say; undefined where it is. What is wrong for certain
 * comes before what is not known.
 * @param labels of its node; undefined for a machine that no node names
 */
export function mismatch({ facts: wanted, labels: wantedLabels }: Criteria, facts: Facts, labels: Labels = {}) {
  let unknown: Mismatch | undefined;
  for (const [name, patterns] of Object.entries(wantedLabels)) {
    const found = labels[name];
    if (found === undefined || !oneOf(patterns, found)) {
      return { what: `labels.${name}`, wanted: patterns, found, unknown: false } satisfies Mismatch;
    }
  }
  for (const name of FACT_NAMES) {
    const patterns = wanted[name];
    if (!patterns) continue;
    const found = facts[name];
    if (found === undefined) unknown ??= { what: name, wanted: patterns, found, unknown: true };
    else if (!oneOf(patterns, found)) return { what: name, wanted: patterns, found, unknown: false } satisfies Mismatch;
  }
  return unknown;
}

/** Where labels stand among the facts: what a person wrote about a node says more than what its hardware is. */
const LABELS_BEFORE: FactName = 'nic';

/** How exactly each fact is named, in the order of {@link FACT_NAMES} with labels among them: 0 not at all, 1 by a glob, 2. */
export function precision({ facts, labels }: Criteria): readonly number[] {
  const of = (patterns: readonly string[] | undefined) => (!patterns ? 0 : patterns.some(isGlob) ? 1 : 2);
  return FACT_NAMES.flatMap((name) =>
    name === LABELS_BEFORE ? [Object.keys(labels).length, of(facts[name])] : [of(facts[name])],
  );
}

/** Sorts the more specific criteria first: at the first fact in which they differ, the one that names it more exactly. */
export function bySpecificity(a: Criteria, b: Criteria): number {
  const [first, second] = [precision(a), precision(b)];
  for (const [index, value] of first.entries()) {
    const difference = (second[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}

function overlap(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (!a || !b) return true;
  return a.some((one) => b.some((other) => globMatches(one, other) || globMatches(other, one)));
}

/** Whether one machine can be what two criteria say; two globs overlap where one is an instance of the other. */
export function canBoth(a: Criteria, b: Criteria): boolean {
  return (
    FACT_NAMES.every((name) => overlap(a.facts[name], b.facts[name])) &&
    Object.keys(a.labels).every((name) => overlap(a.labels[name], b.labels[name]))
  );
}
