import type { Finding } from './issues.ts';
import { formatPath, type Path } from './wording.ts';

type Settings = Readonly<Record<string, unknown>>;

interface Rule {
  /** The setting that is at fault. */
  readonly key: string;
  readonly broken: (root: Settings) => boolean;
  readonly message: string;
}

const fromRegistry = ({ source }: Settings) => typeof source === 'string' && source.startsWith('docker://');

/** Settings of the method `bootc-live` that do not go together. */
const RULES: readonly Rule[] = [
  {
    key: 'unsecure',
    broken: (root) => root.unsecure === true && !fromRegistry(root),
    message: 'is for registries: expected "source:" with docker://HOST/NAME:TAG',
  },
  {
    key: 'delivery',
    broken: (root) => root.delivery === 'initrd' && fromRegistry(root),
    message: 'cannot be initrd for an image in a registry: iPXE loads files only',
  },
  {
    key: 'rw',
    broken: (root) => root.rw === true && root.erofs === true,
    message: 'cannot be true with "erofs: true": EROFS is read-only',
  },
];

/** What the schema cannot see of one `root:`: settings that contradict each other. */
export function checkRoot(root: Settings, path: Path): Finding[] {
  return RULES.filter(({ broken }) => broken(root)).map(({ key, message }) => {
    const at = [...path, key];
    return { path: at, target: 'value', message: `${formatPath(at)} ${message}` };
  });
}
