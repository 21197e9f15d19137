import { rootMethodOf } from '../../model/boot/root-methods/methods.ts';
import { LOCAL } from '../../model/fleet/next/next-boot.ts';
import { checkBuild } from '../builds.ts';
import { checkInterfaces } from '../interfaces.ts';
import type { Finding } from './issues.ts';
import { formatPath, type Path, quote, suggest } from './wording.ts';

type Section = Readonly<Record<string, unknown>>;

const isSection = (value: unknown): value is Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const section = (value: unknown): Section => (isSection(value) ? value : {});
const own = (object: Section, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

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
const saysWhat = ({ image, boot, menu }: Section): boolean =>
  image !== undefined || boot !== undefined || isSection(menu);

/** Settings of a root that its method does not take together. */
function contradictions(root: Section, path: Path): Finding[] {
  const { contradictions: known = [] } = rootMethodOf(String(root.method));
  return known
    .filter(({ found }) => found(root))
    .map(({ key, message }) => {
      const at = [...path, key];
      return { path: at, target: 'value', message: `${formatPath(at)} ${message}` };
    });
}

/**
 * Problems that the schema cannot find: names that do not exist, and nodes and rules that boot without an image. It reads the raw document, so it works even if the schema has found problems.
 *
 * @param document the document with the paths of builds written out
 * @param written the document as it is in the file
 * @param where names a place for a message: `slipway.yaml:12:10`
 */
export function checkReferences(document: unknown, written: unknown, where: (path: Path) => string): Finding[] {
  const root = section(document);
  const images = section(root.images);
  const profiles = section(root.profiles);
  const findings: Finding[] = [];

  const requireName = (kind: string, known: Section, { path, name }: Reference): boolean => {
    if (Object.hasOwn(known, name)) return true;
    const message = `${formatPath(path)}: there is no ${kind} ${quote(name)}: ${suggest(name, Object.keys(known))}`;
    findings.push({ path, target: 'value', message });
    return false;
  };
  const requireImage = (holder: Section, path: Path): void => {
    const { once, then } = section(holder.boot);
    const menu = section(holder.menu);
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
  const profilesOf = (holder: Section, path: Path): Section[] | undefined => {
    const names = references(holder.profile, [...path, 'profile']);
    const exist = names.map((reference) => requireName('profile', profiles, reference));
    return exist.includes(false) ? undefined : names.map(({ name }) => section(profiles[name]));
  };

  for (const [name, image] of Object.entries(section(section(written).images))) {
    findings.push(...checkBuild(image, ['images', name]));
    findings.push(...contradictions(section(section(image).root), ['images', name, 'root']));
  }
  for (const [name, profile] of Object.entries(profiles)) requireImage(section(profile), ['profiles', name]);

  for (const [name, rule] of Object.entries(section(root.rules))) {
    const path = ['rules', name];
    requireImage(section(rule), path);
    const layers = profilesOf(section(rule), path)?.concat(section(rule));
    const action = layers?.findLast((layer) => layer.action !== undefined)?.action ?? 'boot';
    if (action === 'boot' && own(section(rule), 'action') === 'boot' && !layers?.some(saysWhat)) {
      const message = `rule ${quote(name)} boots but has no image: expected "image:" here or in one of its profiles`;
      findings.push({ path, target: 'key', message });
    }
  }
  const ruled = Object.values(section(root.rules)).some((rule) => {
    const layers = [
      section(rule),
      ...references(section(rule).profile, []).map((each) => section(profiles[each.name])),
    ];
    return layers.some(saysWhat);
  });

  for (const [name, value] of Object.entries(section(root.nodes))) {
    const path = ['nodes', name];
    const node = section(value);
    requireImage(node, path);
    const layers = profilesOf(node, path);
    if (!isSection(value) || !layers) continue;
    layers.push(node);
    const action = layers.findLast((layer) => layer.action !== undefined)?.action ?? 'boot';
    if (action === 'boot' && !ruled && !layers.some(saysWhat)) {
      const message = `node ${quote(name)} boots but has no image: expected "image:" here or in one of its profiles, or "action:" with local or ignore`;
      findings.push({ path, target: 'key', message });
    }
  }

  findings.push(...checkInterfaces(section(root.server), where));
  if (section(root.server).nbd === false) {
    for (const [name, image] of Object.entries(images)) {
      const { method } = section(section(image).root);
      if (rootMethodOf(String(method)).form !== 'tree') continue;
      const path = ['images', name, 'root', 'method'];
      const message = `${formatPath(path)}: roots of method ${method} are read over NBD, which ${where(['server', 'nbd'])} turns off`;
      findings.push({ path, target: 'value', message });
    }
  }

  const unknown = section(root.unknown);
  requireImage(unknown, ['unknown']);
  const layers = profilesOf(unknown, ['unknown']);
  if (unknown.action === 'boot' && layers && !layers.concat(unknown).some(saysWhat)) {
    const message =
      'unknown.action is boot, but there is no image: expected "image:" beside it, or "profile:" with one';
    findings.push({ path: ['unknown', 'action'], target: 'value', message });
  }
  return findings;
}
