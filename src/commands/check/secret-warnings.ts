import { readSecret } from '../../daemon/configuration/secrets.ts';
import { secretsIn } from '../../model/configuration/merge.ts';
import type { Config } from '../../model/settings/config.ts';
import { pathOfSetting } from '../../model/settings/node.ts';
import type { Warning } from './setting-warnings.ts';

/** Warnings about secrets that cannot be read by whoever checks: their nodes would not get what has them. */
export async function secretWarnings(
  { nodes, folder, stores }: Config,
  env: NodeJS.ProcessEnv = process.env,
): Promise<readonly Warning[]> {
  const sections = new Map(
    nodes
      .flatMap(({ settings }) => [...(settings.configuration ?? []), ...(settings.containers ?? [])])
      .map((each): [string, { readonly value: unknown; readonly from: string }] => [each.from, each]),
  );
  for (const [name, value] of Object.entries(stores)) sections.set(`stores.${name}`, { value, from: `stores.${name}` });
  const warnings: Warning[] = [];
  for (const { value, from } of sections.values()) {
    for (const source of secretsIn(value)) {
      await readSecret(source, folder, env).catch(({ message }: Error) => {
        warnings.push({ path: pathOfSetting(from), message: `${message}: its nodes would not get what has it` });
      });
    }
  }
  return warnings;
}
