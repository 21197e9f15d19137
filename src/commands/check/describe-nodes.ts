import type { Root } from '../../model/boot/image.ts';
import type { Criteria } from '../../model/machine/criteria.ts';
import type { Mac } from '../../model/machine/mac.ts';
import type { Config } from '../../model/settings/config.ts';
import type { Action, BootSettings, Variable } from '../../model/settings/node.ts';
import { formatTable } from '../table.ts';

/** One node's settings in short, as `slipway check --json` prints them. */
export interface NodeSummary {
  readonly name: string;
  readonly hostname: string;
  readonly macs: readonly Mac[];
  readonly action: Action;
  readonly image: string | null;
  readonly method: Root['method'] | null;
  readonly template: string;
  readonly profiles: readonly string[];
  readonly args: readonly string[];
  readonly vars: Readonly<Record<string, Variable>>;
}

/** The nodes of a configuration in the order of the file. */
export function describeNodes(config: Config): readonly NodeSummary[] {
  return config.nodes.map(({ name, hostname, macs, profiles, settings }) => ({
    name,
    hostname: hostname.value,
    macs,
    action: settings.action.value,
    image: settings.image?.value.name ?? null,
    method: settings.image?.value.root.method ?? null,
    template: settings.template.value,
    profiles,
    args: settings.args.map(({ value }) => value),
    vars: Object.fromEntries(Object.entries(settings.vars).map(([key, { value }]) => [key, value])),
  }));
}

/** What a node without an address is recognised by: `serial=S1`. */
function criteriaInWords(criteria: Criteria | undefined): string {
  return Object.entries(criteria?.facts ?? {})
    .map(([fact, texts]) => `${fact}=${texts.join('|')}`)
    .join(',');
}

function bootWords({ action, image }: BootSettings): readonly [string, string] {
  return image ? [image.value.name, image.value.root.method] : [`(${action.value})`, '-'];
}

/** The nodes as a table for people, with a last line for machines that no node names. Ends with a newline. */
export function formatNodes(config: Config): string {
  const rows = config.nodes.map(({ name, macs, criteria, profiles, settings }) => [
    name,
    macs.join(',') || criteriaInWords(criteria),
    ...bootWords(settings),
    profiles.join(',') || '-',
    settings.args.map(({ value }) => value).join(' ') || '-',
  ]);
  for (const { name, settings } of config.rules) {
    const args = settings.args.map(({ value }) => value).join(' ') || '-';
    rows.push([`(rule ${name})`, '*', ...bootWords(settings), '-', args]);
  }
  rows.unshift(['NODE', 'MAC', 'IMAGE', 'METHOD', 'PROFILES', 'ARGS']);
  const [image, method] = bootWords(config.unknown);
  rows.push(['(unknown)', '*', image, method, '-', config.unknown.args.map(({ value }) => value).join(' ') || '-']);
  return formatTable(rows);
}
