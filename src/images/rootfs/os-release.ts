import { type FileTree, readFile } from './flatten.ts';

/** What a system says of itself (os-release(5)); empty texts for what it does not say. */
export interface OsRelease {
  readonly text: string;
  /** Such as `debian`. */
  readonly id: string;
  /** Such as `12`. */
  readonly version: string;
  /** Such as `bookworm`. */
  readonly codename: string;
}

/** Reads the text of os-release. */
export function parseOsRelease(text: string): OsRelease {
  const value = (key: string) => new RegExp(`^${key}=(["']?)([\\w.+-]*)\\1\\s*$`, 'm').exec(text)?.[2] ?? '';
  return { text, id: value('ID') || 'linux', version: value('VERSION_ID'), codename: value('VERSION_CODENAME') };
}

/** Reads a tree's; what the specification gives for one that has none. */
export async function readOsRelease({ layers, tree }: FileTree): Promise<OsRelease> {
  for (const path of ['etc/os-release', 'usr/lib/os-release']) {
    const text = await readFile(layers, tree, path, 65_536);
    if (text) return parseOsRelease(text.toString('utf8'));
  }
  return parseOsRelease('ID=linux\n');
}

/** What an initrd is made of, and with. */
const DEBIAN = 'systemd-sysv,udev,dbus,kmod,iproute2,dracut-core,dracut-network,curl,ca-certificates,jq,zstd,xz-utils';

/** How a person makes a builder of the same distribution. */
export function howToMakeBuilder({ id, version, codename }: OsRelease): string {
  if ((id === 'debian' || id === 'ubuntu') && codename !== '') {
    return `make a builder with "mmdebstrap --variant=minbase --include=${DEBIAN} ${codename} builder.tar" and give it with --builder builder.tar`;
  }
  if (id === 'fedora' && version !== '') {
    return `make a builder of "FROM fedora:${version}" and "RUN dnf install -y systemd-udev dracut dracut-network curl jq zstd xz", and give it with --builder`;
  }
  return 'give an image of the same distribution that has them with --builder';
}
