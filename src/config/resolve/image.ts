import type { Image, RolloutSettings, Root, Source } from '../../model/boot/image.ts';
import { rootMethodOf } from '../../model/boot/root-methods/methods.ts';
import { isUrl } from '../../model/boot/yaml-shapes.ts';
import { anyRoot, sourcesOf } from '../builds.ts';
import type { ImageSection, RootSection } from '../schema.ts';
import { list } from './layers.ts';

function toSource(text: string): Source {
  if (isUrl(text)) return { kind: 'url', url: text };
  if (text.startsWith('oci:')) return { kind: 'image', name: text.slice(4) };
  const steps = text.split('/').filter((step) => step !== '' && step !== '.');
  return { kind: 'artifact', path: steps.join('/') };
}

function toRoot({ method, source, ...given }: RootSection): Root {
  const { keys } = rootMethodOf(method);
  const values = Object.entries(keys).map(([key, { default: byDefault }]) => {
    const value = given[key] ?? byDefault;
    // Text that YAML has taken for a number: no key is one.
    return [key, typeof value === 'number' ? String(value) : value];
  });
  return { method, ...(source !== undefined && { source: toSource(source) }), ...Object.fromEntries(values) };
}

/** The possible roots of an image: one, unless the files of a build decide. */
function toRoots({ build, root }: ImageSection): readonly Root[] {
  if (build === undefined) return [toRoot(root ?? { method: 'none' })];
  const name = String(build);
  if (!root) return anyRoot(name).map(toRoot);
  if (root.source === undefined) return [toRoot(root)];
  return sourcesOf(name, root.method, root.source).map((source) => toRoot({ ...root, source }));
}

function toRollout({ canary, then = '100%', within = 900 }: NonNullable<ImageSection['rollout']>): RolloutSettings {
  return { canary, part: Number(then.slice(0, -1)), within };
}

/** The image of a section, with the roots that it may have. */
export function toImage(name: string, section: ImageSection): Image {
  const roots = toRoots(section);
  const { build } = section;
  return {
    name,
    kernel: toSource(section.kernel),
    initrd: list(section.initrd).map(toSource),
    root: roots[0] ?? { method: 'none' },
    ...(section.rollout && { rollout: toRollout(section.rollout) }),
    ...(section.keep_last_good && { keepLastGood: true }),
    ...(build === undefined ? {} : { build: { name: String(build), roots } }),
  };
}
