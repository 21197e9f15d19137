import { isBuildName } from '../model/boot/build.ts';
import { ROOT_FILES } from '../model/boot/root-kind.ts';
import { ROOT_METHODS, rootMethodOf } from '../model/boot/root-methods/methods.ts';
import { COMPOSED_ARCHIVE } from '../model/boot/root-methods/root-method.ts';
import { isMapping, type Mapping, mappingOf } from '../model/mapping.ts';
import type { Finding } from './check/issues.ts';
import { formatPath, type Path } from './check/wording.ts';

/**
 * Images made by `slipway image build` are configured by their name alone: `build: NAME`, or no entry in `images:` at
 * all. Their entries are written out here, before the schema reads the document.
 */

/** The source of a root whose file in the build follows from the root method. */
export const buildSource = (build: string): string => `build:${build}`;

/** Roots of a build without a configured one: least memory first; the last one always exists. */
const PREFERENCE: readonly (readonly [method: string, file: string])[] = [
  ['image', ROOT_FILES.squashfs],
  ['image', ROOT_FILES.erofs],
  ['bootc-live', ROOT_FILES.oci],
  ['container-root', ROOT_FILES['tar.zst']],
  ['bootc-live', COMPOSED_ARCHIVE],
];

const sourceOf = (build: string, file: string) =>
  file === COMPOSED_ARCHIVE ? `${COMPOSED_ARCHIVE}${build}` : `${build}/${file}`;

/** The possible sources of a root: the build's files for its method in place of {@link buildSource}, or its own. */
export function sourcesOf(build: string, method: string, source: string): readonly string[] {
  const { buildFiles } = rootMethodOf(method);
  return source === buildSource(build) ? buildFiles.map((file) => sourceOf(build, file)) : [source];
}

/** The possible roots of an image without a configured one, as `root:` has them. */
export function anyRoot(build: string): readonly { method: string; source: string }[] {
  return PREFERENCE.map(([method, file]) => ({ method, source: sourceOf(build, file) }));
}

function writtenOut(image: unknown): unknown {
  const { build, kernel, initrd, root } = mappingOf(image);
  if (!isMapping(image) || build === undefined) return image;
  // The schema reports an impossible name; its files must not be reported too.
  const name = isBuildName(String(build)) ? String(build) : 'none';
  const own = isMapping(root) && root.source === undefined && rootMethodOf(String(root.method)).source !== undefined;
  return {
    ...image,
    kernel: kernel ?? `${name}/vmlinuz`,
    initrd: initrd ?? `${name}/initrd.img`,
    ...(own ? { root: { ...root, source: buildSource(name) } } : {}),
  };
}

/** The names of all images that nodes, profiles and unknown machines choose. */
function chosenNames(document: Mapping): Set<string> {
  const holders = [document.unknown, ...Object.values(mappingOf(document.profiles))];
  holders.push(...Object.values(mappingOf(document.nodes)));
  const names = holders.map((holder) => mappingOf(holder).image);
  return new Set(names.filter((name) => typeof name === 'string' || typeof name === 'number').map(String));
}

/**
 * The document with the images that are builds written out.
 * @param isBuild whether a build of a name exists, asked for names that `images:` does not have
 */
export function withBuilds(document: unknown, isBuild: (name: string) => boolean): unknown {
  if (!isMapping(document)) return document;
  const { images } = document;
  if (images !== undefined && images !== null && !isMapping(images)) return document;
  const all = new Map(Object.entries(mappingOf(images)).map(([name, image]) => [name, writtenOut(image)]));
  for (const name of chosenNames(document)) {
    if (!all.has(name) && isBuildName(name) && isBuild(name)) all.set(name, writtenOut({ build: name }));
  }
  return all.size === 0 ? document : { ...document, images: Object.fromEntries(all) };
}

/** Contradictions in an image of the document as it was written. */
export function checkBuild(image: unknown, path: Path): Finding[] {
  const { build, kernel, initrd, root } = mappingOf(image);
  const findings: Finding[] = [];
  const fault = (keys: Path, target: Finding['target'], message: string) => {
    const at = [...path, ...keys];
    findings.push({ path: at, target, message: `${formatPath(at)} ${message}` });
  };
  for (const [key, value] of Object.entries({ kernel, initrd })) {
    if (build !== undefined && value !== undefined) fault([key], 'key', `is the build's own: expected "build:" alone`);
    const files = Array.isArray(value) ? value : [value];
    if (files.some(isImage)) fault([key], 'value', 'is an image, not a file: "oci:NAME" is for the root alone');
  }
  const { method, source, label } = mappingOf(root);
  const isBuilt = isImage(source) || (build !== undefined && source === undefined);
  const hasLabel = 'label' in rootMethodOf(String(method)).keys;
  if (hasLabel && isBuilt && label !== undefined && label !== 'latest') {
    fault(['root', 'label'], 'value', 'is for archives of your own: an image that was built is "latest"');
  }
  if (!isImage(source)) return findings;
  const takers = ROOT_METHODS.filter(({ buildFiles }) => buildFiles.includes(COMPOSED_ARCHIVE)).map(({ name }) => name);
  if (!takers.includes(String(method))) {
    fault(['root', 'source'], 'value', `is an image: "oci:NAME" is for ${takers.join(' and ')}`);
  } else if (!isBuildName(source.slice(4))) {
    fault(['root', 'source'], 'value', 'names no image: expected "oci:" and the name of one that was built');
  }
  return findings;
}

const isImage = (source: unknown): source is string => typeof source === 'string' && source.startsWith('oci:');
