import { type CheckedConfig, requireCheckedConfig } from '../daemon/serving/checked-config.ts';
import { closeFolders, openServingState, scriptsOf } from '../daemon/serving/serving-state.ts';
import type { Scripts } from '../ipxe-templates/scripts/wanted.ts';
import { KnownFacts } from '../model/machine/known-facts.ts';
import { readMac } from './read-mac.ts';

/**
 * Uses the scripts of a configuration as a daemon would make them.
 * @throws Error with the remedy if the machine lacks the address or folder
 */
export async function withScripts<T>(checked: CheckedConfig, use: (scripts: Scripts) => Promise<T>): Promise<T> {
  const options = { record: () => {}, now: Date.now, monotonic: () => performance.now() };
  const state = await openServingState(checked, options);
  try {
    return await use(scriptsOf(() => state, new KnownFacts()));
  } finally {
    await closeFolders(state);
  }
}

/**
 * The script that the machine with this address would get over HTTP, digests included.
 * @throws ConfigError for a configuration with problems; Error for text that is no MAC address, for a machine with
 * `action: ignore`, and for a missing artifact
 */
export async function printScript(configFile: string, macText: string): Promise<string> {
  const mac = readMac(macText);
  return await withScripts(await requireCheckedConfig(configFile), async (scripts) => {
    const result = await scripts.forMac(mac, {});
    if ('text' in result) return result.text;
    throw new Error(
      result.kind === 'ignored' ? `${mac} gets no script, as its action is "ignore": ${result.why}` : result.why,
    );
  });
}
