import { ConfigError } from '../../config/config-error.ts';
import { loadConfig } from '../../config/load/load.ts';
import { sourcesOf } from '../../model/boot/image.ts';
import { ROOT_FILES, ROOT_KINDS, type RootKind } from '../../model/boot/root-kind.ts';
import { usedArtifacts, usedBuilds } from '../../model/boot/used-files.ts';
import type { Config } from '../../model/settings/config.ts';
import type { BootSettings } from '../../model/settings/node.ts';

/**
 * Reads the configuration for the commands on images. It may name an image that is yet to be built.
 * @throws ConfigError where it has problems
 */
export async function imageConfig(file: string): Promise<Config> {
  const loaded = await loadConfig(file);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  return loaded.config;
}

/** The machines that boot from files of a build: names of nodes, and `unknown machines`. */
export function machinesUsing(config: Config, name: string): readonly string[] {
  const uses = ({ image, action }: BootSettings): boolean => {
    if (!image || action.value !== 'boot') return false;
    return (
      image.value.build?.name === name ||
      sourcesOf(image.value).some((source) =>
        source.kind === 'image'
          ? source.name === name
          : source.kind === 'artifact' && source.path.startsWith(`${name}/`),
      )
    );
  };
  const nodes = config.nodes.filter(({ settings }) => uses(settings)).map(({ name }) => name);
  return uses(config.unknown) ? [...nodes, 'unknown machines'] : nodes;
}

/** The roots of an image that the configuration's machines boot; the OCI archive where none of them does. */
export function rootsInUse(config: Config, name: string): readonly RootKind[] {
  // A machine that can boot any root asks for none of them.
  const anyRoot = usedBuilds(config).filter(({ build }) => new Set(build?.roots.map(({ method }) => method)).size > 1);
  const used = usedArtifacts(config, new Map(anyRoot.map((image) => [image.name, 'missing' as const])));
  const kinds = ROOT_KINDS.filter((kind) => used.some(({ path }) => path === `${name}/${ROOT_FILES[kind]}`));
  return kinds.length > 0 ? kinds : ['oci'];
}
