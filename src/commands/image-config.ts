import { loadConfig } from '../config/load.ts';
import type { Config } from '../model/config.ts';
import { ROOT_FILES, ROOT_KINDS, type RootKind } from '../model/root-kind.ts';
import { Unusable } from '../unusable.ts';
import { usedArtifacts, usedBuilds } from '../world.ts';

/**
 * Reads the configuration, of which the commands on images need the artifacts folder. A name of no image may be that of
 * the one that is going to be built.
 * @throws Unusable where it has problems
 */
export async function imageConfig(file: string): Promise<Config> {
  const loaded = await loadConfig(file, () => true);
  if (!loaded.ok) throw new Unusable(loaded.problems);
  return loaded.config;
}

/** The roots of an image that the configuration's machines boot; the OCI archive where none of them does. */
export function rootsInUse(config: Config, name: string): readonly RootKind[] {
  // Whoever takes any root asks for none.
  const anyRoot = usedBuilds(config).filter(({ build }) => new Set(build?.roots.map(({ method }) => method)).size > 1);
  const used = usedArtifacts(config, new Map(anyRoot.map((image) => [image.name, 'missing' as const])));
  const kinds = ROOT_KINDS.filter((kind) => used.some(({ path }) => path === `${name}/${ROOT_FILES[kind]}`));
  return kinds.length > 0 ? kinds : ['oci'];
}
