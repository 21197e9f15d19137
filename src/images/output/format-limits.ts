import { type FileTree, type FlattenOptions, flatEntries } from '../rootfs/flatten.ts';
import { type Directory, type Inode, MAX_PATH, type Tree } from '../rootfs/tree.ts';
import { type Attributes, type Bytes, printable } from '../tar/tar-entry.ts';

/** Limits of a format of root file systems. */
export interface FormatLimits {
  /** Nanoseconds since 1970. */
  readonly earliest?: bigint;
  readonly latest?: bigint;
  /** Tells the extended attributes that it keeps. */
  readonly xattr?: (name: Bytes, value: Bytes) => boolean;
  /** True where it has no access control lists. */
  readonly noAcls?: boolean;
}

const SECOND = 1_000_000_000n;
const namespaced = (name: Bytes) => /^(?:user|trusted|security)\./.test(name);

/**
 * Limits of squashfs: unsigned 32 bits of seconds, three kinds of attributes (Linux's fs/squashfs/squashfs_fs.h). EROFS
 * could hold other times, but mkfs.erofs replaces those before 1970 and after SOURCE_DATE_EPOCH by that.
 */
export const FILESYSTEM_LIMITS: FormatLimits = {
  ...{ earliest: 0n, latest: 0xffff_ffffn * SECOND, xattr: namespaced, noAcls: true },
};

/** fakeroot keeps no attribute whose name and value have more bytes (MAX_IPC_BUFFER_SIZE of its communicate.h). */
export const FAKEROOT_LIMITS: FormatLimits = { xattr: (name, value) => name.length + 1 + value.length <= 1024 };

/** The files that lose something, counted by what they lose. */
class Losses {
  private readonly found = new Map<string, { count: number; readonly first: Bytes }>();

  add(what: string, path: Bytes): void {
    const known = this.found.get(what);
    if (known) known.count += 1;
    else this.found.set(what, { count: 1, first: path });
  }

  lines(where: string): readonly string[] {
    return [...this.found].map(([what, { count, first }]) => {
      const more = count > 1 ? ` and ${count - 1} more` : '';
      return `${where}: ${what}: ${printable(first).slice(0, 120)}${more}`;
    });
  }
}

function fitAttributes(attributes: Attributes, limits: FormatLimits, lose: (what: string) => void): Attributes {
  const { earliest, latest, xattr, noAcls } = limits;
  let { mtime, xattrs, acls } = attributes;
  if (earliest !== undefined && mtime < earliest) {
    lose('a time before 1970 is set to 1970-01-01');
    mtime = earliest;
  } else if (latest !== undefined && mtime > latest) {
    lose(`a time after ${new Date(Number(latest / 1_000_000n)).getUTCFullYear()} is set to the last that it can hold`);
    mtime = latest;
  }
  if (xattr && [...xattrs].some(([name, value]) => !xattr(name, value))) {
    lose('an extended attribute is left out, as its kind or size cannot be held');
    xattrs = new Map([...xattrs].filter(([name, value]) => xattr(name, value)));
  }
  if (noAcls && acls.size > 0) {
    lose('an access control list is left out');
    acls = new Map();
  }
  return { ...attributes, mtime, xattrs, acls };
}

/**
 * Fits the files of a tree to a format.
 * @param where the name of the file that is made, for the lines
 * @returns options that write them so, and lines for people: what the files lose
 */
export function fitFormat(
  { tree, flatten }: Pick<FileTree, 'tree'> & { readonly flatten: FlattenOptions },
  limits: FormatLimits,
  where: string,
): { readonly flatten: FlattenOptions; readonly lines: readonly string[] } {
  const losses = new Losses();
  for (const { entry } of flatEntries(tree, flatten)) {
    const path = entry.name === './' ? '/' : `/${entry.name}`;
    if (entry.type !== 'link') fitAttributes(entry, limits, (what) => losses.add(what, path));
  }
  const lines = losses.lines(where);
  if (lines.length === 0) return { flatten, lines };
  const mapAttributes = (path: Bytes, inode: Inode): Attributes =>
    fitAttributes(flatten.mapAttributes?.(path, inode) ?? inode.attributes, limits, () => {});
  return { flatten: { ...flatten, mapAttributes }, lines };
}

/** Linux's limits: bytes of a name (limits.h), of an attribute's name and value (xattr(7)). */
const NAME_MAX = 255;
const XATTR_SIZE_MAX = 65_536;
const LINUX_LIMITS: FormatLimits = {
  xattr: (name, value) =>
    /^(?:user|trusted|security|system)\../.test(name) && name.length <= NAME_MAX && value.length <= XATTR_SIZE_MAX,
};

/**
 * Takes out of a tree what no file system of Linux can hold.
 * @returns lines for people: what was taken out
 */
export function dropImpossible(tree: Tree): readonly string[] {
  const losses = new Losses();
  const done = new Set<Inode>();
  const descend = (directory: Directory, prefix: Bytes) => {
    for (const [name, { inode }] of [...directory.children]) {
      const path = `${prefix}/${name}`;
      const long = name.length > NAME_MAX;
      if (long || (inode.type === 'symlink' && inode.target.length > MAX_PATH)) {
        losses.add(`a ${long ? 'name' : "link's target"} that is too long for Linux is left out`, path);
        directory.children.delete(name);
        continue;
      }
      if (done.has(inode)) continue;
      done.add(inode);
      inode.attributes = fitAttributes(inode.attributes, LINUX_LIMITS, (what) => losses.add(what, path));
      if (inode.type === 'directory') descend(inode, path);
    }
  };
  descend(tree.root, '');
  return losses.lines('the image');
}
