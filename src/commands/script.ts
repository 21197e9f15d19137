import { Unusable } from '../config/config-error.ts';
import { loadSnapshot } from '../daemon/checked-config.ts';
import { makeWorld, worldScripts } from '../daemon/serving-state.ts';
import { parseMac } from '../model/mac.ts';

/**
 * The script that the machine with this address would get over HTTP, digests included.
 * @throws Unusable for a configuration with problems; Error for a text that is no MAC address, for a machine that is
 * left alone, and where an artifact is missing
 */
export async function printScript(configFile: string, macText: string): Promise<string> {
  const mac = parseMac(macText);
  if (!mac) throw new Error(`${JSON.stringify(macText)} is no MAC address; expected one such as 52:54:00:00:00:01`);
  const loaded = await loadSnapshot(configFile);
  if (!loaded.ok) throw new Unusable(loaded.problems);
  const means = { record: () => {}, now: Date.now, monotonic: () => performance.now() };
  const world = await makeWorld(loaded.snapshot, means);
  try {
    const result = await worldScripts(() => world, means).forMac(mac);
    if (result.kind === 'script') return result.text;
    throw new Error(result.kind === 'ignored' ? `${mac} gets no script: ${result.why}` : result.why);
  } finally {
    await world.store.close();
  }
}
