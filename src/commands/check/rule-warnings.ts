import { bySpecificity, canBoth } from '../../model/machine/criteria.ts';
import type { Config } from '../../model/settings/config.ts';
import type { Rule } from '../../model/settings/node.ts';
import type { Warning } from './setting-warnings.ts';

/** Facts that exclude each other: firmware without the architectures that have it. */
function contradiction({ criteria: { facts } }: Rule): string | undefined {
  const { arch, firmware } = facts;
  const isBios = firmware?.every((text) => text === 'bios');
  if (isBios && arch && !arch.some((text) => /^(?:x86_64|.*[*?].*)$/.test(text))) {
    return `can never match: a machine with a BIOS counts as x86_64, not as ${arch.join(' or ')}`;
  }
  return undefined;
}

/** Labels that no node has, as rules want them. */
function unknownLabel({ criteria: { labels } }: Rule, { nodes }: Config): string | undefined {
  const missing = Object.keys(labels).find((name) => !nodes.some((node) => node.labels[name] !== undefined));
  return missing === undefined ? undefined : `can never match: no node has a label ${JSON.stringify(missing)}`;
}

/** Warnings about rules that can never match, and about those that tie with an earlier one. */
export function ruleWarnings(config: Config): readonly Warning[] {
  const { rules } = config;
  return rules.flatMap((rule, index) => {
    const path = ['rules', rule.name, 'match'];
    const never = contradiction(rule) ?? unknownLabel(rule, config);
    if (never !== undefined) return [{ path, message: never }];
    const other = rules
      .slice(0, index)
      .find((each) => bySpecificity(each.criteria, rule.criteria) === 0 && canBoth(each.criteria, rule.criteria));
    if (!other) return [];
    const message = `ties with rules.${other.name}: a machine that both match gets rules.${other.name}, which is first in the file`;
    return [{ path, message }];
  });
}
