import { ConfigError } from '../config/config-error.ts';
import { loadCheckedConfig } from '../daemon/serving/checked-config.ts';
import { openServingState, scriptsOf } from '../daemon/serving/serving-state.ts';
import { KnownFacts } from '../model/machine/known-facts.ts';
import { readMac } from './read-mac.ts';

/**
 * The script that the machine with this address would get over HTTP, digests included.
 * @throws ConfigError for a configuration with problems; Error for text that is no MAC address, for a machine with
 * `action: ignore`, and for a missing artifact
 */
export async function printScript(configFile: string, macText: string): Promise<string> {
  const mac = readMac(macText);
  const loaded = await loadCheckedConfig(configFile);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  const options = { record: () => {}, now: Date.now, monotonic: () => performance.now() };
  const state = await openServingState(loaded.checked, options);
  try {
    const result = await scriptsOf(() => state, new KnownFacts()).forMac(mac, {});
    if ('text' in result) return result.text;
    throw new Error(
      result.kind === 'ignored' ? `${mac} gets no script, as its action is "ignore": ${result.why}` : result.why,
    );
  } finally {
    await state.store.close();
  }
}
