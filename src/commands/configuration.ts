import { ConfigError } from '../config/config-error.ts';
import { loadConfig } from '../config/load/load.ts';
import { fetchedArguments, isFetched } from '../model/boot/root-methods/methods.ts';
import { DOCUMENTS, documentOf, instanceOf, ROOT_ARGUMENTS } from '../model/configuration/documents.ts';
import { maskSecrets, mergeConfiguration } from '../model/configuration/merge.ts';
import type { Node } from '../model/settings/node.ts';

/** The arguments of its root that a node fetches, if any. */
function maskedArguments({ settings: { image, args } }: Node): string | undefined {
  const root = image?.value.root;
  const isNeeded =
    root &&
    isFetched(
      root,
      args.map(({ value }) => value),
    );
  return isNeeded ? fetchedArguments(maskSecrets(root)) : undefined;
}

/**
 * `slipway configuration NODE [DOCUMENT]`: what the node gets, merged of all sections, with secrets masked.
 * @param document one of {@link DOCUMENTS}, or the arguments of the root; all that there are without it
 * @throws ConfigError for a configuration with problems; Error with the remedy for names that do not exist
 */
export async function printConfiguration(configFile: string, name: string, document?: string): Promise<string> {
  const asked = [...DOCUMENTS, ROOT_ARGUMENTS].filter((each) => document === undefined || each === document);
  if (asked.length === 0)
    throw new Error(
      `${JSON.stringify(document)} is no document: expected ${[...DOCUMENTS, ROOT_ARGUMENTS].join(', ')}`,
    );
  const loaded = await loadConfig(configFile);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  const node = loaded.config.nodes.find((each) => each.name === name);
  if (!node) throw new Error(`there is no node ${JSON.stringify(name)}: "slipway check" lists the nodes`);
  const merged = mergeConfiguration(node.settings.configuration ?? []);
  const instance = instanceOf(name, node.hostname.value, merged);
  const found = asked.flatMap((each) => {
    const text =
      each === ROOT_ARGUMENTS ? maskedArguments(node) : documentOf(each, maskSecrets(merged), instance)?.text;
    return text ? [{ name: each, text }] : [];
  });
  if (found.length === 0) throw new Error(`the node ${name} has no ${document ?? 'configuration'}`);
  if (document !== undefined) return found.map(({ text }) => text).join('');
  return found.map(({ name: each, text }) => `--- ${each}\n${text}`).join('');
}
