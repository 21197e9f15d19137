// Writes the rooms into biome.json and docs/architecture.md, the root methods into docs/roots.md, and the rules of the
// diagnosis into docs/diagnosis.md, and the metrics into docs/monitoring.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { diagnosisTable } from './diagnosis-table.ts';
import { metricsTable } from './metrics-table.ts';
import { floorPlan, linterOverrides } from './rooms.ts';
import { rootMethodsTable } from './root-methods.ts';

/** Replaces the table of a page whose first column has this title. */
function writeTable(name: string, title: string, table: string): void {
  const page = new URL(`../docs/${name}`, import.meta.url);
  const old = new RegExp(`^\\| ${title} [\\s\\S]*?\\n(?=\\n)`, 'm');
  writeFileSync(
    page,
    readFileSync(page, 'utf8').replace(old, () => `${table}\n`),
  );
}

const linter = new URL('../biome.json', import.meta.url);
writeFileSync(linter, JSON.stringify({ ...JSON.parse(readFileSync(linter, 'utf8')), overrides: linterOverrides() }));
writeTable('architecture.md', 'room', floorPlan());
writeTable('roots.md', 'method', rootMethodsTable());
writeTable('diagnosis.md', 'rule', diagnosisTable());
writeTable('monitoring.md', 'metric', metricsTable());
