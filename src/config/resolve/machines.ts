import { LOCAL } from '../../model/fleet/next/next-boot.ts';
import type { Criteria, Labels } from '../../model/machine/criteria.ts';
import { type Mac, parseMac } from '../../model/machine/mac.ts';
import type { Action, BootSettings, Node, Rule, Sourced } from '../../model/settings/node.ts';
import { criteriaOf } from '../machines/criteria-of.ts';
import type { ConfigFile, NodeSection, RuleSection } from '../schema.ts';
import { type Layer, last, list, toLayer } from './layers.ts';
import { resolveSettings, type Shared } from './settings.ts';

/**
 * A node whose settings are merged whenever they are read. So ten thousand nodes load quickly, and take little more
 * memory than their text in the file.
 */
export class LayeredNode implements Node {
  readonly name: string;
  readonly hostname: Sourced<string>;
  readonly macs: readonly Mac[];
  readonly criteria: Criteria | undefined;
  readonly labels: Labels;
  readonly profiles: readonly string[];
  private readonly section: NodeSection;
  private readonly shared: Shared;

  constructor(shared: Shared, name: string, section: NodeSection) {
    const from = `nodes.${name}`;
    const { hostname } = section;
    this.name = name;
    this.hostname =
      hostname === undefined ? { value: name, from } : { value: String(hostname), from: `${from}.hostname` };
    this.macs = list(section.mac).flatMap((mac) => parseMac(String(mac)) ?? []);
    this.criteria = section.match && criteriaOf(section.match);
    this.labels = section.labels ? toLabels(section.labels) : NO_LABELS;
    this.profiles = list(section.profile).map(String);
    this.section = section;
    this.shared = shared;
  }

  get settings(): BootSettings {
    return this.settingsOn([]);
  }

  settingsWith(rule: Rule): BootSettings {
    return this.settingsOn(this.shared.rules.get(rule.name) ?? []);
  }

  private settingsOn(lower: readonly Layer[]): BootSettings {
    const upper = this.layersOn(lower);
    return resolveSettings(this.shared, upper, last(upper, 'action'));
  }

  /** Its layers on top of others. */
  layersOn(lower: readonly Layer[]): readonly Layer[] {
    const { shared, section } = this;
    const upper = [...shared.base, ...lower, ...profileLayers(shared.profiles, section.profile)];
    upper.push(toLayer(`nodes.${section.range ?? this.name}`, section));
    return upper;
  }
}

/** The layers of a rule, for machines without a node and for the nodes that it fits. */
export function ruleLayers(profiles: Shared['profiles'], name: string, section: RuleSection): readonly Layer[] {
  return [...profileLayers(profiles, section.profile), toLayer(`rules.${name}`, section)];
}

/** A rule; its layers are among the shared ones. */
export function toRule(shared: Shared, name: string, section: RuleSection): Rule {
  const layers = shared.rules.get(name) ?? [];
  const settings = resolveSettings(shared, layers, last(layers, 'action'));
  return { name, criteria: criteriaOf(section.match), settings };
}

/** The layers of profiles by their names, those that there are. */
function profileLayers(profiles: Shared['profiles'], names: NodeSection['profile']): readonly Layer[] {
  return list(names).flatMap((name) => profiles.get(String(name)) ?? []);
}

const NO_LABELS: Labels = {};

function toLabels(section: NonNullable<NodeSection['labels']>): Labels {
  return Object.fromEntries(Object.entries(section).map(([name, value]) => [name, String(value)]));
}

/** The layers of machines that no node names. */
export function unknownLayers({ profiles }: Shared, section: ConfigFile['unknown']): readonly Layer[] {
  const { action, image, firmware, menu } = section ?? {};
  return [...profileLayers(profiles, section?.profile), toLayer('unknown', { action, image, firmware, menu })];
}

/** The settings of a machine that boots something else than its layers say. */
export function chosenSettings(shared: Shared, layers: readonly Layer[], image: string): BootSettings | undefined {
  const action: Sourced<Action> = { value: image === LOCAL ? 'local' : 'boot', from: 'chosen.action' };
  if (image !== LOCAL && !shared.images.has(image)) return undefined;
  const { once: _, ...settings } = resolveSettings(
    shared,
    [...layers, toLayer('chosen', { action: action.value, image })],
    action,
  );
  return settings;
}
