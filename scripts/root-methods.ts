import { ROOT_METHODS } from '../src/model/boot/root-methods/methods.ts';

/** The root methods as a table in Markdown, for docs/roots.md. */
export function rootMethodsTable(): string {
  const rows = ROOT_METHODS.map(({ name, summary }) => `| ${[`\`${name}\``, ...summary].join(' | ')} |`);
  return ['| method | image | how | `/` when it runs | choose it when |', '|---|---|---|---|---|', ...rows].join('\n');
}
