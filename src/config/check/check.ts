import { rootMethodOf } from '../../model/boot/root-methods/methods.ts';
import { LOCAL } from '../../model/fleet/next/next-boot.ts';
import { isMapping, type Mapping, mappingOf } from '../../model/mapping.ts';
import { checkBuild } from '../builds.ts';
import { checkInterfaces } from '../interfaces.ts';
import type { Finding } from './issues.ts';
import { formatPath, type Path, quote, suggest } from './wording.ts';

const own = (object: Mapping, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

interface Reference {
  readonly path: Path;
  readonly name: string;
}

/** The names or addresses in a value: one, or a list. Values that are neither text nor numbers are left out. */
function references(value: unknown, path: Path): Reference[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => references(item, [...path, i]));
  return typeof value === 'string' || typeof value === 'number' ? [{ path, name: String(value) }] : [];
}

const isNotLocal = ({ name }: Reference): boolean => name !== LOCAL;
/** Whether a section says what is booted. */
const saysWhat = ({ image, boot, menu }: Mapping): boolean =>
  image !== undefined || boot !== undefined || isMapping(menu);

/** Settings of a root that its method does not take together. */
function contradictions(root: Mapping, path: Path): Finding[] {
  const { contradictions: known = [], findings = () => [] } = rootMethodOf(String(root.method));
  const found = known.filter((each) => each.found(root)).map(({ key, message }) => ({ path: [key], message }));
  return [...found, ...findings(root)].map(({ path: below, message }) => {
    const at = [...path, ...below];
    return { path: at, target: 'value', message: `${formatPath(at)} ${message}` };
  });
}

/**
 * Problems that the schema cannot find: names that do not exist, and nodes and rules that boot without an image. It
 * reads the raw document, so it works even if the schema has found problems.
 *
 * @param document the document with the paths of builds written out
 * @param written the document as it is in the file
 * @param where names a place for a message: `slipway.yaml:12:10`
 */
export function checkReferences(document: unknown, written: unknown, where: (path: Path) => string): Finding[] {
  const root = mappingOf(document);
  const images = mappingOf(root.images);
  const profiles = mappingOf(root.profiles);
  const findings: Finding[] = [];

  const requireName = (kind: string, known: Mapping, { path, name }: Reference): boolean => {
    if (Object.hasOwn(known, name)) return true;
    const message = `${formatPath(path)}: there is no ${kind} ${quote(name)}: ${suggest(name, Object.keys(known))}`;
    findings.push({ path, target: 'value', message });
    return false;
  };
  const requireImage = (holder: Mapping, path: Path): void => {
    const { once, then } = mappingOf(holder.boot);
    const menu = mappingOf(holder.menu);
    const all = [
      ...references(holder.image, [...path, 'image']),
      ...references(once, [...path, 'boot', 'once']),
      ...references(then, [...path, 'boot', 'then']).filter(isNotLocal),
      ...references(menu.images, [...path, 'menu', 'images']),
      ...references(menu.default, [...path, 'menu', 'default']).filter(isNotLocal),
    ];
    for (const reference of all) requireName('image', images, reference);
  };
  /** The profiles of a node or of the rule for unknown machines; undefined where one of them does not exist. */
  const profilesOf = (holder: Mapping, path: Path): Mapping[] | undefined => {
    const names = references(holder.profile, [...path, 'profile']);
    const exist = names.map((reference) => requireName('profile', profiles, reference));
    return exist.includes(false) ? undefined : names.map(({ name }) => mappingOf(profiles[name]));
  };

  for (const [name, image] of Object.entries(mappingOf(mappingOf(written).images))) {
    findings.push(...checkBuild(image, ['images', name]));
    findings.push(...contradictions(mappingOf(mappingOf(image).root), ['images', name, 'root']));
  }
  for (const [name, profile] of Object.entries(profiles)) requireImage(mappingOf(profile), ['profiles', name]);

  for (const [name, rule] of Object.entries(mappingOf(root.rules))) {
    const path = ['rules', name];
    requireImage(mappingOf(rule), path);
    const layers = profilesOf(mappingOf(rule), path)?.concat(mappingOf(rule));
    const action = layers?.findLast((layer) => layer.action !== undefined)?.action ?? 'boot';
    if (action === 'boot' && own(mappingOf(rule), 'action') === 'boot' && !layers?.some(saysWhat)) {
      const message = `rule ${quote(name)} boots but has no image: expected "image:" here or in one of its profiles`;
      findings.push({ path, target: 'key', message });
    }
  }
  const ruled = Object.values(mappingOf(root.rules)).some((rule) => {
    const layers = [
      mappingOf(rule),
      ...references(mappingOf(rule).profile, []).map((each) => mappingOf(profiles[each.name])),
    ];
    return layers.some(saysWhat);
  });

  for (const [name, value] of Object.entries(mappingOf(root.nodes))) {
    const path = ['nodes', name];
    const node = mappingOf(value);
    requireImage(node, path);
    const layers = profilesOf(node, path);
    if (!isMapping(value) || !layers) continue;
    layers.push(node);
    const action = layers.findLast((layer) => layer.action !== undefined)?.action ?? 'boot';
    if (action === 'boot' && !ruled && !layers.some(saysWhat)) {
      const message = `node ${quote(name)} boots but has no image: expected "image:" here or in one of its profiles, or "action:" with local or ignore`;
      findings.push({ path, target: 'key', message });
    }
  }

  findings.push(...checkInterfaces(mappingOf(root.server), where));
  if (mappingOf(root.server).nbd === false) {
    for (const [name, image] of Object.entries(images)) {
      const { method } = mappingOf(mappingOf(image).root);
      if (rootMethodOf(String(method)).form !== 'tree') continue;
      const path = ['images', name, 'root', 'method'];
      const message = `${formatPath(path)}: roots of method ${method} are read over NBD, which ${where(['server', 'nbd'])} turns off`;
      findings.push({ path, target: 'value', message });
    }
  }

  const unknown = mappingOf(root.unknown);
  requireImage(unknown, ['unknown']);
  const layers = profilesOf(unknown, ['unknown']);
  if (unknown.action === 'boot' && layers && !layers.concat(unknown).some(saysWhat)) {
    const message =
      'unknown.action is boot, but there is no image: expected "image:" beside it, or "profile:" with one';
    findings.push({ path: ['unknown', 'action'], target: 'value', message });
  }
  return findings;
}
