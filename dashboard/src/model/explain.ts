/** One setting as text, and the place of the configuration that it is from. */
export interface SettingRow {
  readonly name: string;
  readonly value: string;
  readonly from: string;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The rows of one value: lists and mappings have one for each item that says where it is from. */
function rowsOf(name: string, value: unknown): readonly SettingRow[] {
  if (value === null || value === undefined || value === '') return [];
  if (Array.isArray(value)) return value.flatMap((each) => rowsOf(name, each));
  if (!isRecord(value)) return [{ name, value: textOf(value), from: '' }];
  if (typeof value.from === 'string' && 'value' in value)
    return [{ name, value: textOf(value.value), from: value.from }];
  if (typeof value.what === 'string') return [{ name, value: value.what, from: textOf(value.reason ?? '') }];
  const inner = Object.entries(value);
  const hasOrigins = inner.every(([, each]) => isRecord(each) && 'from' in each);
  if (hasOrigins) return inner.flatMap(([key, each]) => rowsOf(`${name}.${key}`, each));
  const plain = inner.filter(([, each]) => each !== null);
  return [{ name, value: plain.map(([key, each]) => `${key}: ${textOf(each)}`).join('\n'), from: '' }];
}

/** The explanation of a machine's settings as rows of a table. */
export function explanationRows(explanation: Readonly<Record<string, unknown>>): readonly SettingRow[] {
  return Object.entries(explanation).flatMap(([name, value]) => rowsOf(name.replaceAll('_', ' '), value));
}
