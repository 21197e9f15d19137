import { secretsIn } from '../../../configuration/merge.ts';
import { mappingOf } from '../../../mapping.ts';
import type { RootFinding, RootYaml } from '../root-method.ts';

const list = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.map(mappingOf) : [];
/** The name of each entry; undefined where it has none, which the schema tells. */
const namesIn = (value: unknown) => list(value).map(({ name }) => (typeof name === 'string' ? name : undefined));

/** Names that stand for two entries of one list. */
function doubles(root: RootYaml, key: string): readonly RootFinding[] {
  const names = namesIn(root[key]);
  return names.flatMap((name, i) =>
    name !== undefined && names.indexOf(name) < i
      ? [{ path: [key, i, 'name'], message: `is the name of ${key}[${names.indexOf(name)}] too` }]
      : [],
  );
}

/** What a volume names that there is not. */
function strangers(root: RootYaml): readonly RootFinding[] {
  const [stores, filesystems] = [namesIn(root.minio), namesIn(root.filesystems)];
  return list(root.volumes).flatMap((volume, i) => [
    ...(['mirror', 'pull_from', 'push_to'] as const).flatMap((key): RootFinding[] => {
      const value = volume[key];
      if (typeof value !== 'string' || stores.includes(value.replace(/\/.*/, ''))) return [];
      return [{ path: ['volumes', i, key], message: 'names no store: expected NAME/BUCKET with a name of "minio:"' }];
    }),
    ...(typeof volume.filesystem === 'string' && !filesystems.includes(volume.filesystem)
      ? [{ path: ['volumes', i, 'filesystem'], message: 'is no name of an entry of "filesystems:"' }]
      : []),
  ]);
}

/** A cache device that is a file system which needs a secret, or that there is not. */
function cacheDevice({ cache_device: device, filesystems }: RootYaml): readonly RootFinding[] {
  if (typeof device !== 'string' || /^(?:none|auto|reset|\/dev\/.*)$/.test(device)) return [];
  const index = namesIn(filesystems).indexOf(device);
  if (index === -1)
    return [
      {
        path: ['cache_device'],
        message:
          'is no name of an entry of "filesystems:": expected none, auto, reset, a device such as /dev/sda, or one',
      },
    ];
  return secretsIn(list(filesystems)[index]).length > 0
    ? [
        {
          path: ['filesystems', index, 'options'],
          message: 'cannot have secrets where it is the cache device, which is mounted before anything can be fetched',
        },
      ]
    : [];
}

/** What the schema of method b2c cannot find. */
export function findings(root: RootYaml): readonly RootFinding[] {
  const runs = [root.containers, root.post_containers].some((each) => list(each).length > 0);
  return [
    ...(runs
      ? []
      : [{ path: ['containers'], message: 'has no container: without one, boot2container only powers off' }]),
    ...['filesystems', 'minio', 'volumes', 'interfaces'].flatMap((key) => doubles(root, key)),
    ...strangers(root),
    ...cacheDevice(root),
  ];
}
