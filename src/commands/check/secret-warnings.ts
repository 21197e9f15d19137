import type { Path } from '../../config/check/wording.ts';
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
  const sections = new Map<string, { readonly value: unknown; readonly path: Path; readonly get: string }>();
  for (const { settings } of nodes) {
    for (const { value, from } of settings.configuration ?? [])
      sections.set(from, { value, path: pathOfSetting(from), get: 'configuration' });
    const image = settings.image?.value;
    if (image)
      sections.set(`images.${image.name}.root`, {
        value: image.root,
        path: ['images', image.name, 'root'],
        get: 'arguments',
      });
    for (const { value, from } of settings.containers ?? [])
      sections.set(from, { value, path: pathOfSetting(from), get: 'containers' });
  }
  for (const [name, value] of Object.entries(stores))
    sections.set(`stores.${name}`, { value, path: ['stores', name], get: 'volumes' });
  const warnings: Warning[] = [];
  for (const { value, path, get } of sections.values()) {
    for (const source of secretsIn(value)) {
      await readSecret(source, folder, env).catch(({ message }: Error) => {
        warnings.push({ path, message: `${message}: its nodes would get no ${get}` });
      });
    }
  }
  return warnings;
}
