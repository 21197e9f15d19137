import { ConfigError } from '../config/config-error.ts';
import { loadConfig } from '../config/load/load.ts';
import { DOCUMENTS, documentOf, instanceOf } from '../model/configuration/documents.ts';
import { maskSecrets, mergeConfiguration } from '../model/configuration/merge.ts';

/**
 * `slipway configuration NODE [DOCUMENT]`: what the node gets, merged of all sections, with secrets masked.
 * @param document one of {@link DOCUMENTS}; all that there are without it
 * @throws ConfigError for a configuration with problems; Error with the remedy for names that do not exist
 */
export async function printConfiguration(configFile: string, name: string, document?: string): Promise<string> {
  const asked = DOCUMENTS.filter((each) => document === undefined || each === document);
  if (asked.length === 0)
    throw new Error(`${JSON.stringify(document)} is no document: expected ${DOCUMENTS.join(', ')}`);
  const loaded = await loadConfig(configFile);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  const node = loaded.config.nodes.find((each) => each.name === name);
  if (!node) throw new Error(`there is no node ${JSON.stringify(name)}: "slipway check" lists the nodes`);
  const merged = mergeConfiguration(node.settings.configuration ?? []);
  const instance = instanceOf(name, node.hostname.value, merged);
  const found = asked.flatMap((each) => {
    const text = documentOf(each, maskSecrets(merged), instance)?.text;
    return text ? [{ name: each, text }] : [];
  });
  if (found.length === 0) throw new Error(`the node ${name} has no ${document ?? 'configuration'}`);
  if (document !== undefined) return found.map(({ text }) => text).join('');
  return found.map(({ name: each, text }) => `--- ${each}\n${text}`).join('');
}
