/** A mapping of YAML: texts, numbers, true and false, null, lists and mappings. */
export type Mapping = Readonly<Record<string, unknown>>;

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value as a mapping; an empty one for what is none. */
export const mappingOf = (value: unknown): Mapping => (isMapping(value) ? value : {});
