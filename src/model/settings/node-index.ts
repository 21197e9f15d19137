import type { Criteria } from '../machine/criteria.ts';
import { FACT_NAMES, type FactName, type Facts } from '../machine/facts.ts';
import type { Node } from './node.ts';

/** The facts that criteria name. */
export function factsIn(criteria: Criteria | undefined): readonly FactName[] {
  return Object.keys(criteria?.facts ?? {}) as FactName[];
}

/** Nodes by what they are recognised by, beside their addresses. */
export class NodeIndex {
  /** By a fact and its exact value. */
  private readonly exact = new Map<string, Node[]>();
  /** Nodes that no fact names exactly. */
  private readonly others: Node[] = [];
  /** The facts by which nodes are looked up. */
  private readonly facts = new Set<FactName>();

  add(node: Node): void {
    const { criteria } = node;
    if (!criteria) return;
    const name = FACT_NAMES.find((each) => criteria.facts[each]?.every((text) => !/[*?]/.test(text)));
    if (name === undefined) {
      this.others.push(node);
      return;
    }
    this.facts.add(name);
    for (const text of criteria.facts[name] ?? []) {
      const key = `${name}=${text.toLowerCase()}`;
      const known = this.exact.get(key);
      if (known) known.push(node);
      else this.exact.set(key, [node]);
    }
  }

  get isEmpty(): boolean {
    return this.facts.size === 0 && this.others.length === 0;
  }

  /** The nodes that these facts may name, in no order. */
  candidates(facts: Facts): readonly Node[] {
    const found = [...this.facts].flatMap((name) => this.exact.get(`${name}=${facts[name]?.toLowerCase()}`) ?? []);
    return [...found, ...this.others];
  }

  /** The facts that are not known, though nodes are recognised by them. */
  missing(facts: Facts): readonly FactName[] {
    const named = this.candidates(facts).flatMap(({ criteria }) => factsIn(criteria));
    const wanted = new Set([...this.facts, ...named]);
    return [...wanted].filter((name) => facts[name] === undefined);
  }
}
