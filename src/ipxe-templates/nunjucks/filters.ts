import { type Budget, counted, isText, memberLookup, sizeOf } from './guard.ts';

type Filter = (this: unknown, ...args: unknown[]) => unknown;

/** Filters for HTML, left out because their regular expressions take long for some texts. */
const LEFT_OUT = ['striptags', 'urlize'];
/** Filters whose result can be as large as the product of their arguments' sizes. */
const MULTIPLYING = ['batch', 'center', 'indent', 'join', 'replace', 'slice'];
/** Limit of such a product, characters. */
const MAX_PRODUCT = 65_536;
/** Most items that `range` gives. */
const MAX_RANGE = 10_000;

const members = (list: unknown, attribute: unknown): unknown[] => {
  const items = list as readonly unknown[];
  return attribute === undefined ? [...items] : items.map((item) => memberLookup(item, attribute));
};
const whereMember = (is: boolean) => (list: unknown, attribute: unknown) =>
  (list as readonly unknown[]).filter((item) => Boolean(memberLookup(item, attribute)) === is);

/** Replacements for nunjucks' filters that look members up by themselves, or need other limits. */
const OWN: Readonly<Record<string, Filter>> = {
  join: (list, separator = '', attribute) => members(list, attribute).join(String(separator)),
  sum: (list, attribute, start = 0) => (members(list, attribute) as number[]).reduce((a, b) => a + b, start as number),
  selectattr: whereMember(true),
  rejectattr: whereMember(false),
  // nunjucks' regular expression takes a second for thousands of blanks.
  trim: (text) => String(text).trim(),
  // Without indentation, which is long for deep lists.
  dump: (value) => JSON.stringify(value),
};

/** Refuses a mapping with a false `length`, which nunjucks would take for a long list. */
function checkLength(value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, 'length')) return;
  const { length } = value as { length: unknown };
  if (
    typeof length === 'number' ? length > sizeOf(value) : typeof length !== 'string' || Number(length) > sizeOf(value)
  ) {
    throw new Error('a mapping with "length" is no list');
  }
}

function checkProduct([value, ...settings]: readonly unknown[]): void {
  let product = sizeOf(value);
  for (const setting of settings) {
    if (!isText(setting) && Object(setting) === setting)
      throw new Error('a filter takes texts and numbers as its settings');
    product *= Math.max(sizeOf(setting), Math.abs(Number(setting)) || 0);
  }
  if (product > MAX_PRODUCT) throw new Error(`a filter would make more than ${MAX_PRODUCT} characters`);
}

/** The allowed filters, each with limits, in an object without a prototype. */
export function boundedFilters(filters: Readonly<Record<string, Filter>>, budget: Budget): Record<string, Filter> {
  const bounded: Record<string, Filter> = Object.create(null);
  for (const [name, filter] of Object.entries({ ...filters, ...OWN })) {
    if (LEFT_OUT.includes(name)) continue;
    bounded[name] = counted(budget, function (this: unknown, ...args) {
      args.forEach(checkLength);
      if (MULTIPLYING.includes(name)) checkProduct(args);
      return filter.apply(this, args);
    });
  }
  return bounded;
}

/** nunjucks' `range`. @throws if there would be more than {@link MAX_RANGE} items */
export function range(first: unknown, last?: unknown, by: unknown = 1): readonly number[] {
  const [start, stop] = last === undefined ? [0, Number(first)] : [Number(first), Number(last)];
  const step = Number(by) || 1;
  const count = Math.max(0, Math.ceil((stop - start) / step)) || 0;
  if (count > MAX_RANGE) throw new Error(`range gives no more than ${MAX_RANGE} items`);
  return Array.from({ length: count }, (_, index) => start + index * step);
}
