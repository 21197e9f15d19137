import { METRICS, type MetricDefinition } from '../src/daemon/observe/metrics-table.ts';

/** A label with its values: those that are few. */
function labelText(label: string, values: MetricDefinition['labels'][string]): string {
  const isShort = typeof values !== 'string' && values.length <= 8;
  return isShort ? `\`${label}\`: ${values.join(', ')}` : `\`${label}\``;
}

/** The metrics as a table in Markdown. */
export function metricsTable(): string {
  const rows = Object.entries<MetricDefinition>(METRICS).map(([name, { type, help, labels }]) => {
    const all = Object.entries(labels).map(([label, values]) => labelText(label, values));
    return `| \`${name}\` | ${type} | ${all.join('; ')} | ${help} |`;
  });
  return ['| metric | type | labels | what it is |', '|---|---|---|---|', ...rows].join('\n');
}
