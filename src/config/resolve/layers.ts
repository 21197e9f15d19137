import type { ConfigurationSection } from '../../model/configuration/merge.ts';
import type { ContainersSection } from '../../model/containers/section.ts';
import type { Architecture } from '../../model/machine/architecture.ts';
import type { Action, NamedFirmware, Sourced, Variable } from '../../model/settings/node.ts';

/** The common part of an image, a profile and a node. */
export interface Section {
  readonly action?: Action | undefined;
  readonly image?: string | number | undefined;
  readonly boot?: { readonly once: string | number; readonly then?: string | number | undefined } | undefined;
  readonly menu?: MenuSection | null | undefined;
  readonly template?: string | number | undefined;
  readonly ipxe?: 'snponly.efi' | 'ipxe.efi' | undefined;
  readonly discovery?: 'binl' | 'bypass' | undefined;
  readonly firmware?: NamedFirmware | undefined;
  readonly arch?: Architecture | undefined;
  readonly memory?: string | number | undefined;
  readonly on_failure?: { action?: 'shell' | 'reboot' | undefined; after?: number | undefined } | null | undefined;
  readonly args?: readonly (string | number)[] | null | undefined;
  readonly vars?: Readonly<Record<string, Variable>> | null | undefined;
  readonly configuration?: ConfigurationSection | null | undefined;
  readonly containers?: ContainersSection | null | undefined;
}

export interface MenuSection {
  readonly images?: readonly (string | number)[] | undefined;
  readonly local?: boolean | undefined;
  readonly default?: string | number | undefined;
  readonly timeout?: number | undefined;
}

/** A section, with its arguments and variables converted once for all nodes that share it. */
export interface Layer {
  /** The section's path: `profiles.compute`. */
  readonly from: string;
  readonly section: Section;
  readonly args: readonly Sourced<string>[];
  readonly vars: Readonly<Record<string, Sourced<Variable>>>;
}

export const list = <T>(value: T | readonly T[] | null | undefined): readonly T[] =>
  value === null || value === undefined ? [] : Array.isArray(value) ? value : [value as T];

export function toLayer(from: string, section: Section): Layer {
  const vars: Record<string, Sourced<Variable>> = {};
  for (const [name, value] of Object.entries(section.vars ?? {})) vars[name] = { value, from: `${from}.vars.${name}` };
  const args = (section.args ?? []).map((arg, i) => ({ value: String(arg), from: `${from}.args[${i}]` }));
  return { from, section, args, vars };
}

/** The setting of the last layer that has it. */
export function last<K extends keyof Section>(
  layers: readonly Layer[],
  key: K,
): Sourced<NonNullable<Section[K]>> | undefined {
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i];
    const value = layer?.section[key];
    if (layer && value !== null && value !== undefined) return { value, from: `${layer.from}.${key}` };
  }
  return undefined;
}
