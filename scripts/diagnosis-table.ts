import { RULES } from '../src/model/fleet/diagnosis/diagnosis-rules.ts';

/** The rules of the diagnosis as a table in Markdown. */
export function diagnosisTable(): string {
  const rows = RULES.map(({ name, says, remedy }) => `| \`${name}\` | ${says} | ${remedy.replaceAll('|', '\\|')} |`);
  return ['| rule | what is stuck | what to do |', '|---|---|---|', ...rows].join('\n');
}
