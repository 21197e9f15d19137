import { maskSecrets } from '../../model/configuration/merge.ts';
import type { MachineFacts } from '../../model/machine/facts.ts';
import type { Config, Match } from '../../model/settings/config.ts';
import { lostRules, type Recognised } from '../../model/settings/recognise.ts';
import type { Planned } from './plan.ts';

/** Where each setting of a machine comes from, and what it would boot: plain data for JSON. */
export function explained(
  config: Config,
  facts: MachineFacts,
  found: Recognised,
  match: Match,
  planned: Planned,
): Readonly<Record<string, unknown>> {
  const { settings, node, rule, why } = 'plan' in planned ? planned.match : match;
  return {
    mac: facts.mac,
    facts,
    matched: node ? `nodes.${node.name}` : rule ? `rules.${rule.name}` : 'unknown',
    why,
    rule: rule ? `rules.${rule.name}` : null,
    lost: lostRules(config, facts, found),
    ...(found.open.length > 0 && { not_known: found.open }),
    node: node?.name ?? null,
    hostname: node?.hostname ?? null,
    profiles: node?.profiles ?? [],
    action: settings.action,
    image: settings.image ? { value: settings.image.value.name, from: settings.image.from } : null,
    template: settings.template,
    args: settings.args,
    vars: settings.vars,
    ...(node &&
      settings.configuration && {
        configuration: settings.configuration.map(({ value, from }) => ({ value: maskSecrets(value), from })),
      }),
    on_failure: settings.onFailure,
    ipxe: settings.ipxe,
    discovery: settings.discovery,
    ...(settings.firmware && { firmware: settings.firmware }),
    ...('plan' in planned
      ? {
          ...(planned.build && { build: planned.build.id }),
          kernel: planned.plan.kernel,
          initrds: planned.plan.initrds,
          root: planned.plan.root,
        }
      : { unavailable: planned.why }),
  };
}
