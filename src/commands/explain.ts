import { requireCheckedConfig } from '../daemon/serving/checked-config.ts';
import { FACT_NAMES, FACTS, type FactName, type Facts, factValue } from '../model/machine/facts.ts';
import { type Mac, parseMac } from '../model/machine/mac.ts';
import type { Config } from '../model/settings/config.ts';
import { findMatch, lostRules, recognise } from '../model/settings/recognise.ts';
import { asJson } from './json.ts';
import { withScripts } from './script.ts';
import { formatTable } from './table.ts';

/** An address for machines that are recognised by something else; a locally administered one. */
const ANY_MAC = '02:00:00:00:00:00' as Mac;

/** Reads `serial=5CG1234`, one for each fact. @throws Error with the remedy */
export function readFacts(texts: readonly string[]): Facts {
  const found = texts.map((text) => {
    const [, name = '', value] = /^(\w+)=(.*)$/.exec(text) ?? [];
    if (!FACT_NAMES.includes(name as FactName) || name === 'mac' || value === undefined) {
      const known = FACT_NAMES.filter((each) => each !== 'mac').join(', ');
      throw new Error(`${JSON.stringify(text)} is no fact: expected NAME=VALUE, with one of ${known}`);
    }
    return [name, factValue(value)] as const;
  });
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

/** What is known of a machine that is named: its address, and what its node is recognised by. */
function factsOfMachine({ nodes }: Config, machine: string, given: Facts): Facts & { readonly mac: Mac } {
  const mac = parseMac(machine);
  if (mac) return { ...given, mac };
  const node = nodes.find(({ name }) => name === machine);
  if (!node) throw new Error(`there is no node ${JSON.stringify(machine)}: expected a node's name or a MAC address`);
  const own = Object.entries(node.criteria?.facts ?? {}).flatMap(([name, [text]]) => (text ? [[name, text]] : []));
  return { ...Object.fromEntries(own), ...given, mac: node.macs[0] ?? ANY_MAC };
}

/** Which node and which rule a machine gets its settings from, and why no other. */
function inWords(config: Config, facts: Facts & { readonly mac: Mac }): string {
  const found = recognise(config, facts);
  const { node, rule, settings, why } = findMatch(config, facts, found);
  const rows = [
    ['machine', node?.name ?? facts.mac],
    ['node', node ? `nodes.${node.name}` : '-'],
    ['rule', rule ? `rules.${rule.name}` : node ? '-' : 'unknown'],
    ['why', why],
    ['action', `${settings.action.value} (${settings.action.from})`],
    ['image', settings.image ? `${settings.image.value.name} (${settings.image.from})` : '-'],
    ...settings.args.map(({ value, from }) => ['argument', `${value} (${from})`]),
    ...lostRules(config, facts, found).map(({ what, why: reason }) => ['not', `${what}: ${reason}`]),
    ...found.open.map((name) => ['not known', `${name}: ${FACTS[name]}`]),
  ];
  return formatTable(rows);
}

/**
 * Says which node and rule a machine gets its settings from.
 * @param machine a node's name or a MAC address
 * @throws ConfigError; Error with the remedy
 */
export async function explainMachine(
  configFile: string,
  machine: string,
  { fact, json }: { readonly fact: readonly string[]; readonly json: boolean },
): Promise<string> {
  const given = readFacts(fact);
  const checked = await requireCheckedConfig(configFile);
  const facts = factsOfMachine(checked.config, machine, given);
  if (!json) return inWords(checked.config, facts);
  return asJson(await withScripts(checked, (scripts) => scripts.explain(facts.mac, facts)));
}
