import { type Config, type Match, sampleMatches } from '../settings/config.ts';
import type { BootSettings, Rule } from '../settings/node.ts';
import { type RequiredFile, requiredFiles } from './boot-plan.ts';
import { type Build, fileOfBuild, rootOf, withRoot } from './build.ts';
import type { Image } from './image.ts';

/** A file that machines need, with one place of the configuration that names it. */
export interface Used extends RequiredFile {
  readonly from: string;
}

/** The files of an image's build, or that it has none. */
export type FoundBuild = Pick<Build, 'files'> | 'missing';

/**
 * The artifacts that a configuration's machines need, each once.
 * @param builds the builds of images that are known, by the image's name; their own files are left out
 */
export function usedArtifacts(config: Config, builds: ReadonlyMap<string, FoundBuild> = new Map()): readonly Used[] {
  const used = new Map<string, Used>();
  for (const match of bootingMatches(config)) {
    const image = match.settings.image?.value;
    const build = image && builds.get(image.name);
    if (!image || build === 'missing') continue;
    const root = build && rootOf(image, build);
    const settled = root ? { ...match, settings: withRoot(match.settings, root) } : match;
    for (const needed of requiredFiles(settled)) {
      const key = `${needed.form} ${needed.path} ${needed.label}`;
      if (build && fileOfBuild(image.build?.name ?? '', needed.path) !== undefined) continue;
      if (!used.has(key)) used.set(key, { ...needed, from: `images.${image.name}` });
    }
  }
  return [...used.values()];
}

const knownLazyRoots = new WeakMap<Config, readonly string[]>();

/** The artifacts that machines read on demand, computed once for each configuration: any client may ask for them. */
export function lazyRoots(config: Config): readonly string[] {
  const known = knownLazyRoots.get(config);
  if (known) return known;
  const found = usedArtifacts(config).flatMap(({ form, path }) => (form === 'tree' ? [path] : []));
  knownLazyRoots.set(config, found);
  return found;
}

/** The settings with the best root that there is of the image's build in place of its possible roots. */
export function withFoundRoot(settings: BootSettings, builds: ReadonlyMap<string, FoundBuild>): BootSettings {
  const image = settings.image?.value;
  const build = image && builds.get(image.name);
  const root = image && build && build !== 'missing' ? rootOf(image, build) : undefined;
  return root ? withRoot(settings, root) : settings;
}

/** The configuration with {@link withFoundRoot} for all of its machines. */
export function withFoundRoots(config: Config, builds: ReadonlyMap<string, FoundBuild>): Config {
  const settle = (settings: BootSettings) => withFoundRoot(settings, builds);
  const nodes = config.nodes.map((node) => {
    return { ...node, settings: settle(node.settings), settingsWith: (rule: Rule) => settle(node.settingsWith(rule)) };
  });
  const rules = config.rules.map((rule) => ({ ...rule, settings: settle(rule.settings) }));
  const choose: Config['choose'] = (found, image) => {
    const settings = config.choose(found, image);
    return settings && settle(settings);
  };
  return { ...config, nodes, rules, choose, unknown: settle(config.unknown) };
}

/** The images that machines boot and that have a build. */
export function usedBuilds(config: Config): readonly Image[] {
  const images = bootingMatches(config).map(({ settings }) => settings.image?.value);
  return [...new Map(images.flatMap((image) => (image?.build ? [[image.name, image] as const] : []))).values()];
}

function bootingMatches(config: Config): readonly Match[] {
  return sampleMatches(config).filter(({ settings }) => settings.action.value === 'boot');
}
