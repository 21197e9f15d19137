import { isMapping, type Mapping } from '../mapping.ts';

/** A `configuration:` section as it is written. */
export interface ConfigurationSection {
  /** How the system gets the documents of cloud-init: it fetches them itself, or the initrd places them in its root. */
  readonly place?: 'kernel' | 'initrd' | undefined;
  readonly user_data?: Mapping | null | undefined;
  readonly meta_data?: Mapping | null | undefined;
  readonly vendor_data?: Mapping | null | undefined;
  readonly network_config?: Mapping | null | undefined;
  readonly ignition?: Mapping | null | undefined;
  /** Templates by the names of the files that they are rendered to. */
  readonly files?: Readonly<Record<string, string>> | null | undefined;
}

/** The sections of one machine with the places that they came from, the most general first. */
export type ConfigurationLayers = readonly { readonly value: ConfigurationSection; readonly from: string }[];

/** The key of a secret's mapping, which YAML has as a tag: `{ '!secret': 'env:NAME' }`. */
export const SECRET = '!secret';

/** The source of a secret, `file:PATH` or `env:NAME`; undefined for other values. */
export function secretOf(value: unknown): string | undefined {
  return isMapping(value) && typeof value[SECRET] === 'string' ? value[SECRET] : undefined;
}

/** Mappings merge; whatever else is more specific takes the place of what there was, lists too. */
function merged(general: unknown, specific: unknown): unknown {
  if (
    !isMapping(general) ||
    !isMapping(specific) ||
    secretOf(general) !== undefined ||
    secretOf(specific) !== undefined
  )
    return specific;
  const entries = Object.entries(specific).map(([key, value]) => [
    key,
    Object.hasOwn(general, key) ? merged(general[key], value) : value,
  ]);
  return { ...general, ...Object.fromEntries(entries) };
}

/** One configuration of all sections of a machine. Secrets stay references. */
export function mergeConfiguration(layers: ConfigurationLayers): ConfigurationSection {
  return layers.reduce<unknown>((all, { value }) => merged(all, value), {}) as ConfigurationSection;
}

/** A value with each secret replaced. @param replace by its source */
export function replaceSecrets<T>(value: T, replace: (source: string) => unknown): T {
  const source = secretOf(value);
  if (source !== undefined) return replace(source) as T;
  if (Array.isArray(value)) return value.map((each) => replaceSecrets(each, replace)) as T;
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaceSecrets(each, replace)])) as T;
}

/** The sources of all secrets in a value, each once. */
export function secretsIn(value: unknown): readonly string[] {
  const found = new Set<string>();
  replaceSecrets(value, (source) => found.add(source));
  return [...found];
}

/** A value for people: what is secret shows as `<secret>`. */
export const maskSecrets = <T>(value: T): T => replaceSecrets(value, () => '<secret>');
