import { bySpecificity, type Mismatch, mismatch } from '../machine/criteria.ts';
import type { FactName, MachineFacts } from '../machine/facts.ts';
import type { Config, Match } from './config.ts';
import type { BootSettings, Node, Rule } from './node.ts';
import { factsIn } from './node-index.ts';

/** The node and the rule that a machine gets its settings from. */
export interface Recognised {
  readonly node?: Node | undefined;
  readonly rule?: Rule | undefined;
  /** The reason for the node, or for there being none, in words. */
  readonly why: string;
  /** What is not known, and may make it another node or rule. */
  readonly open: readonly FactName[];
}

/** A node or a rule that a machine did not get, and the reason. */
export interface Lost {
  readonly what: string;
  readonly why: string;
}

/** The node with the most specific criteria that a machine fits, the first in the file of several. */
function nodeByFacts({ index, nodes }: Config, facts: MachineFacts): Node | undefined {
  return index
    .candidates(facts)
    .flatMap((node) => {
      const { criteria } = node;
      return criteria && mismatch(criteria, facts) === undefined ? [{ node, criteria }] : [];
    })
    .sort((a, b) => bySpecificity(a.criteria, b.criteria) || nodes.indexOf(a.node) - nodes.indexOf(b.node))[0]?.node;
}

/** Whether a rule has all that a machine needs which no node names. */
const isComplete = ({ settings }: Rule): boolean => settings.action.value !== 'boot' || settings.image !== undefined;

/** Finds the node and the rule of a machine, by what is known of it. */
export function recognise(config: Config, facts: MachineFacts): Recognised {
  const { mac } = facts;
  const byMac = config.byMac.get(mac);
  const node = byMac ?? (config.index.isEmpty ? undefined : nodeByFacts(config, facts));
  const open = new Set<FactName>(node ? [] : config.index.missing(facts));
  let rule: Rule | undefined;
  for (const each of config.rules) {
    if (!node && !isComplete(each)) continue;
    const wrong = mismatch(each.criteria, facts, node?.labels);
    if (!wrong) {
      rule = each;
      break;
    }
    // A more specific rule whose facts are not known yet may win over the one that is found.
    if (wrong.unknown) for (const name of factsIn(each.criteria)) if (facts[name] === undefined) open.add(name);
  }
  return { node, rule, why: reason(config, facts, node, rule), open: [...open] };
}

function reason({ byMac }: Config, { mac, ...facts }: MachineFacts, node?: Node, rule?: Rule): string {
  if (node && byMac.has(mac)) return `nodes.${node.name}.mac is ${mac}`;
  if (node) {
    const [name] = factsIn(node.criteria);
    return `nodes.${node.name}.match: ${name} is ${name && facts[name as Exclude<FactName, 'mac'>]}`;
  }
  if (rule) return `no node has ${mac}: rules.${rule.name} matches`;
  return `no node has ${mac}: the rule "unknown" applies`;
}

function settingsOf(config: Config, { node, rule }: Recognised): BootSettings {
  if (node) return rule ? node.settingsWith(rule) : node.settings;
  return rule ? rule.settings : config.unknown;
}

/** The settings of a machine, by what is known of it. */
export function findMatch(config: Config, facts: MachineFacts, found = recognise(config, facts)): Match {
  const { node, rule, why } = found;
  return { mac: facts.mac, ...(node && { node }), ...(rule && { rule }), settings: settingsOf(config, found), why };
}

function why({ what, wanted, found, unknown }: Mismatch): string {
  const expected = wanted.join(' or ');
  return unknown
    ? `${what} is not known, and should be ${expected}`
    : `${what} is ${found ?? 'absent'}, not ${expected}`;
}

/** The rules that a machine did not get, each with the reason, in the order in which they are tried. */
export function lostRules(config: Config, facts: MachineFacts, { node, rule }: Recognised): readonly Lost[] {
  return config.rules.flatMap((each) => {
    if (each === rule) return [];
    if (!node && !isComplete(each))
      return [{ what: `rules.${each.name}`, why: 'it has no image, and no node names the machine' }];
    const wrong = mismatch(each.criteria, facts, node?.labels);
    const reason = wrong ? why(wrong) : `it matches too, but rules.${rule?.name} is more specific, or comes first`;
    return [{ what: `rules.${each.name}`, why: reason }];
  });
}
