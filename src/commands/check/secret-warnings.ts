import { readSecret } from '../../daemon/configuration/secrets.ts';
import { secretsIn } from '../../model/configuration/merge.ts';
import type { Config } from '../../model/settings/config.ts';
import { pathOfSetting } from '../../model/settings/node.ts';
import type { Warning } from './setting-warnings.ts';

/** Warnings about secrets that cannot be read by whoever checks: their nodes would get no configuration. */
export async function secretWarnings(
  { nodes, folder }: Config,
  env: NodeJS.ProcessEnv = process.env,
): Promise<readonly Warning[]> {
  const sections = new Map(
    nodes.flatMap(({ settings }) => settings.configuration ?? []).map((each) => [each.from, each]),
  );
  const warnings: Warning[] = [];
  for (const { value, from } of sections.values()) {
    for (const source of secretsIn(value)) {
      await readSecret(source, folder, env).catch(({ message }: Error) => {
        warnings.push({ path: pathOfSetting(from), message: `${message}: its nodes would get no configuration` });
      });
    }
  }
  return warnings;
}
