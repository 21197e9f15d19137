import { isMapping, type Mapping } from '../../model/mapping.ts';

/** The most characters of a path that are looked at, and its most parts. */
const MAX_PATH = 500;

/** Public keys, as the service lists them: `0=key-0`, and below each number `openssh-key`. */
function publicKeys(keys: readonly unknown[]): string | Mapping {
  return Object.fromEntries(keys.map((key, n) => [String(n), { 'openssh-key': String(key) }]));
}

/** The metadata of a machine, from its meta-data in the form of cloud-init's NoCloud. */
export function metadataTree(metaData: Mapping): Mapping {
  const { 'local-hostname': hostname, 'public-keys': keys, ...rest } = metaData;
  const given = typeof keys === 'string' ? [keys] : isMapping(keys) ? Object.values(keys) : keys;
  return {
    'ami-id': 'slipway',
    'instance-type': 'metal',
    ...rest,
    'local-hostname': hostname,
    hostname: rest.hostname ?? hostname,
    ...(Array.isArray(given) && given.length > 0 && { 'public-keys': publicKeys(given) }),
  };
}

/** A folder as the service lists it: a name a line, folders with a slash. */
function listing(name: string, folder: Mapping): string {
  const names = Object.entries(folder).map(([key, value]) => {
    if (name === 'public-keys') return `${key}=key-${key}`;
    return isMapping(value) ? `${key}/` : key;
  });
  return names.join('\n');
}

/** What a path below `meta-data` has; undefined where there is nothing. */
export function metadataAt(tree: Mapping, path: string): string | undefined {
  let value: unknown = tree;
  let name = '';
  for (const part of path.slice(0, MAX_PATH).split('/').filter(Boolean)) {
    if (!isMapping(value) || !Object.hasOwn(value, part)) return undefined;
    [name, value] = [part, value[part]];
  }
  if (isMapping(value)) return listing(name, value);
  if (value === null || value === undefined) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
