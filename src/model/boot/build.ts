import type { Match } from '../settings/config.ts';
import type { BootSettings } from '../settings/node.ts';
import type { Pin } from './boot-plan.ts';
import type { Image, Root } from './image.ts';

/** One version of an image that `slipway image build` made: its files by name (`vmlinuz`), as in its manifest. */
export interface Build {
  /** Differs between versions. */
  readonly id: string;
  readonly files: ReadonlyMap<string, Pin>;
  /** Bytes of all files of the root, unpacked. */
  readonly unpacked?: number | undefined;
}

/** True for a possible name of an image: it becomes a folder and part of URLs. */
export function isBuildName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name);
}

/** The file of a build that an artifact's path names: `vmlinuz` of `debian/vmlinuz`. */
export function fileOfBuild(name: string, path: string): string | undefined {
  return path.startsWith(`${name}/`) ? path.slice(name.length + 1) : undefined;
}

function isThere(root: Root, name: string, { files }: Pick<Build, 'files'>): boolean {
  if (root.source?.kind !== 'artifact') return true;
  const file = fileOfBuild(name, root.source.path);
  return file === undefined || files.has(file);
}

/** The settings with one of the possible roots of a build, and its template unless another is configured. */
export function withRoot(settings: BootSettings, root: Root): BootSettings {
  const { image, template } = settings;
  if (!image) return settings;
  const named = template.from === `images.${image.value.name}.root.method`;
  return {
    ...settings,
    image: { ...image, value: { ...image.value, root } },
    template: named ? { ...template, value: root.method } : template,
  };
}

/** The best root of an image whose file is in the build; undefined if there is none. */
export function rootOf({ build: use }: Pick<Image, 'build'>, build: Pick<Build, 'files'>): Root | undefined {
  return use?.roots.find((root) => isThere(root, use.name, build));
}

/** The match once for each root method that the image's build allows; once if it has no build. */
export function possibleMatches(match: Match): readonly Match[] {
  const roots = match.settings.image?.value.build?.roots ?? [];
  const byMethod = new Map(roots.map((root) => [root.method, root]));
  if (byMethod.size < 2) return [match];
  return [...byMethod.values()].map((root) => ({ ...match, settings: withRoot(match.settings, root) }));
}
