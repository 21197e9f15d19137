import { type FileTree, readFile } from './flatten.ts';

/** A system's name and version (os-release(5)); empty texts for fields that it lacks. */
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

/** A tree's os-release; the specification's defaults where it has none. */
export async function readOsRelease(files: FileTree): Promise<OsRelease> {
  for (const path of ['etc/os-release', 'usr/lib/os-release']) {
    const text = await readFile(files, path, 65_536);
    if (text) return parseOsRelease(text.toString('utf8'));
  }
  return parseOsRelease('ID=linux\n');
}

/** Debian's packages that an initrd is made of, and made with. */
const DEBIAN = 'systemd-sysv,udev,dbus,kmod,iproute2,dracut-core,dracut-network,curl,ca-certificates,jq,zstd,xz-utils';

/** Instructions to make a builder of the same distribution. */
export function howToMakeBuilder({ id, version, codename }: OsRelease): string {
  if ((id === 'debian' || id === 'ubuntu') && codename !== '') {
    return `make a builder with "mmdebstrap --variant=minbase --include=${DEBIAN} ${codename} builder.tar" and give it with --builder builder.tar`;
  }
  if (id === 'fedora' && version !== '') {
    return `make a builder of "FROM fedora:${version}" and "RUN dnf install -y systemd-udev dracut dracut-network curl jq zstd xz", and give it with --builder`;
  }
  return 'give an image of the same distribution that has them with --builder';
}
