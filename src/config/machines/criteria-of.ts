import type { Criteria } from '../../model/machine/criteria.ts';
import { FACT_NAMES } from '../../model/machine/facts.ts';
import { parseMac } from '../../model/machine/mac.ts';
import type { MatchSection } from './match-section.ts';

const texts = (value: string | number | readonly (string | number)[]): readonly string[] =>
  (Array.isArray(value) ? value : [value]).map(String);

/** The criteria of a valid `match:`. */
export function criteriaOf(section: MatchSection): Criteria {
  const facts = FACT_NAMES.flatMap((name) => {
    const value = section[name];
    if (value === undefined) return [];
    return [[name, name === 'mac' ? texts(value).map((text) => parseMac(text) ?? text) : texts(value)] as const];
  });
  const labels = Object.entries(section.labels ?? {}).map(([name, value]) => [name, texts(value)] as const);
  return { facts: Object.fromEntries(facts), labels: Object.fromEntries(labels) };
}
