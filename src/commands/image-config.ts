import { ROOT_FILES, ROOT_KINDS, type RootKind } from '../images/output-files.ts';
import type { Config } from '../model/config.ts';
import { loadSnapshot } from '../snapshot.ts';
import { Unusable } from '../unusable.ts';
import { usedArtifacts } from '../world.ts';

/**
 * Reads the configuration, of which the commands on images need the artifacts folder.
 * @throws Unusable where it has problems
 */
export async function imageConfig(file: string): Promise<Config> {
  const loaded = await loadSnapshot(file);
  if (!loaded.ok) throw new Unusable(loaded.problems);
  return loaded.snapshot.config;
}

/** The roots of an image that the configuration's machines boot; the OCI archive where none of them does. */
export function rootsInUse(config: Config, name: string): readonly RootKind[] {
  const used = usedArtifacts(config);
  const kinds = ROOT_KINDS.filter((kind) => used.has(`${name}/${ROOT_FILES[kind].file}`));
  return kinds.length > 0 ? kinds : ['oci'];
}
