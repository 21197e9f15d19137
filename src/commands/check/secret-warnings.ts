import type { Path } from '../../config/check/wording.ts';
import { readSecret } from '../../daemon/configuration/secrets.ts';
import { SECRET, secretsIn } from '../../model/configuration/merge.ts';
import type { Config } from '../../model/settings/config.ts';
import { pathOfSetting } from '../../model/settings/node.ts';
import type { TextOrSecret } from '../../model/settings/observe.ts';
import type { Warning } from './setting-warnings.ts';

interface Section {
  readonly value: unknown;
  readonly path: Path;
  /** What happens without the secret. */
  readonly effect: string;
}

/** Settings of what is sent to others, in which secrets are sources. */
function sentSections({ webhooks, traces }: Config): readonly Section[] {
  const value = (from: TextOrSecret) => (typeof from === 'string' ? from : { [SECRET]: from.secret });
  const hooks = [...webhooks].map(([name, { url, secret }]) => ({
    value: [value(url), value({ secret })],
    path: ['webhooks', name],
    effect: 'it would get no events',
  }));
  const headers = [...(traces?.headers.values() ?? [])].map(value);
  return [...hooks, { value: headers, path: ['traces'], effect: 'no traces would be sent' }];
}

/** Warnings about secrets that cannot be read by whoever checks: their nodes would not get what has them. */
export async function secretWarnings(
  config: Config,
  env: NodeJS.ProcessEnv = process.env,
): Promise<readonly Warning[]> {
  const { nodes, folder, stores } = config;
  const sections = new Map<string, Section>();
  for (const { settings } of nodes) {
    for (const { value, from } of settings.configuration ?? [])
      sections.set(from, { value, path: pathOfSetting(from), effect: 'its nodes would get no configuration' });
    const image = settings.image?.value;
    if (image)
      sections.set(`images.${image.name}.root`, {
        value: image.root,
        path: ['images', image.name, 'root'],
        effect: 'its nodes would get no arguments',
      });
    for (const { value, from } of settings.containers ?? [])
      sections.set(from, { value, path: pathOfSetting(from), effect: 'its nodes would get no containers' });
  }
  for (const [name, value] of Object.entries(stores))
    sections.set(`stores.${name}`, { value, path: ['stores', name], effect: 'its nodes would get no volumes' });
  const warnings: Warning[] = [];
  for (const { value, path, effect } of [...sections.values(), ...sentSections(config)]) {
    for (const source of secretsIn(value)) {
      await readSecret(source, folder, env).catch(({ message }: Error) => {
        warnings.push({ path, message: `${message}: ${effect}` });
      });
    }
  }
  return warnings;
}
