import { hasDocument } from '../../../model/boot/root-methods/methods.ts';
import { isMapping, type Mapping, mappingOf } from '../../../model/mapping.ts';
import type { Finding } from '../../check/issues.ts';
import { formatPath, type Path, quote, suggest } from '../../check/wording.ts';

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** What sections may name. */
interface Known {
  readonly stores: Mapping;
  readonly images: Mapping;
}

/** The sections `containers:` of a document, with their places. */
function sectionsOf(document: Mapping): readonly (readonly [Mapping, Path])[] {
  return ['images', 'profiles', 'nodes', 'rules'].flatMap((section) =>
    Object.entries(mappingOf(document[section])).flatMap(([name, holder]): (readonly [Mapping, Path])[] => {
      const { containers } = mappingOf(holder);
      return isMapping(containers) ? [[containers, [section, name, 'containers']]] : [];
    }),
  );
}

/** Mistakes of one step. */
function stepMistakes(step: Mapping, path: Path, volumes: Mapping | undefined): Finding[] {
  const findings: Finding[] = [];
  for (const [i, each] of list(step.mounts).entries()) {
    const at = [...path, 'mounts', i];
    const { volume, host, tmpfs } = mappingOf(each);
    if ([volume, host, tmpfs].filter((what) => what !== undefined).length !== 1) {
      findings.push({
        path: at,
        target: 'value',
        message: `${formatPath(at)}: expected one of volume, host and tmpfs`,
      });
    }
    // Volumes of another section are known when the machine's are merged.
    if (volume === undefined || !volumes || Object.hasOwn(volumes, String(volume))) continue;
    const message = `${formatPath([...at, 'volume'])}: there is no volume ${quote(String(volume))}: ${suggest(String(volume), Object.keys(volumes))}`;
    findings.push({ path: [...at, 'volume'], target: 'value', message });
  }
  if (step.background === true && (step.always === true || step.timeout !== undefined)) {
    const key = step.always === true ? 'always' : 'timeout';
    const message = `${formatPath([...path, key])} is not for a step in the background, which ends with the pipeline`;
    findings.push({ path: [...path, key], target: 'value', message });
  }
  return findings;
}

/** Mistakes of what follows the pipeline: the image that is to start then. */
function endMistakes({ action, image }: Mapping, path: Path, images: Mapping): Finding[] {
  if (action !== 'kexec' || image === undefined) return [];
  const name = String(image);
  const at = [...path, 'image'];
  const isSystem = (each: unknown) => !hasDocument(String(mappingOf(mappingOf(each).root).method));
  const systems = Object.keys(images).filter((each) => isSystem(images[each]));
  const exists = Object.hasOwn(images, name);
  if (exists && isSystem(images[name])) return [];
  const message = exists
    ? `${formatPath(at)}: the image ${quote(name)} runs containers itself: expected one that boots a system, or action reboot or wait`
    : `${formatPath(at)}: there is no image ${quote(name)}: ${suggest(name, systems)}`;
  return [{ path: at, target: 'value', message }];
}

function sectionMistakes(section: Mapping, path: Path, { stores, images }: Known): Finding[] {
  const findings = endMistakes(mappingOf(section.end), [...path, 'end'], images);
  const steps = list(section.steps).map(mappingOf);
  const volumes = isMapping(section.volumes) ? section.volumes : undefined;
  for (const [i, step] of steps.entries()) {
    const at = [...path, 'steps', i];
    findings.push(...stepMistakes(step, at, volumes));
    const first = steps.findIndex(({ name }) => name === step.name);
    if (first === i) continue;
    const message = `${formatPath([...at, 'name'])}: there is a step ${quote(String(step.name))} before it: expected another name`;
    findings.push({ path: [...at, 'name'], target: 'value', message });
  }
  for (const [name, volume] of Object.entries(volumes ?? {})) {
    const { place, mirror, luks } = mappingOf(volume);
    const at = [...path, 'volumes', name];
    const { store } = mappingOf(mirror);
    if (store !== undefined && !Object.hasOwn(stores, String(store))) {
      const where = [...at, 'mirror', 'store'];
      const message = `${formatPath(where)}: there is no store ${quote(String(store))}: ${suggest(String(store), Object.keys(stores))}`;
      findings.push({ path: where, target: 'value', message });
    }
    if (luks !== undefined && place !== 'cache') {
      const message = `${formatPath([...at, 'luks'])} is for volumes on the cache device: expected "place: cache" beside it`;
      findings.push({ path: [...at, 'luks'], target: 'value', message });
    }
    if (place === 'cache' && section.cache === null) {
      const message = `${formatPath([...at, 'place'])} is cache, and there is no cache device: expected "cache: { device: … }"`;
      findings.push({ path: [...at, 'place'], target: 'value', message });
    }
  }
  return findings;
}

/**
 * Mistakes in `containers:` that the schema cannot find: names that do not exist, or exist twice.
 * @param document the file's document, valid or not
 */
export function checkContainers(document: unknown): Finding[] {
  const root = mappingOf(document);
  const known = { stores: mappingOf(root.stores), images: mappingOf(root.images) };
  return sectionsOf(root).flatMap(([section, path]) => sectionMistakes(section, path, known));
}
