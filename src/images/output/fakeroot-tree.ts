import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileTree, type FlattenOptions, flatEntries, writeTar } from '../rootfs/flatten.ts';
import type { Inode } from '../rootfs/tree.ts';
import type { Bytes } from '../tar/tar-entry.ts';
import { type Advance, counted } from '../tools/progress.ts';
import type { Tools } from '../tools/tool-run.ts';

/**
 * Unpacks an archive to a tree, and runs a program on it. All under one fakeroot, which keeps owners and devices in its
 * memory. $1 is the folder with the lists for chmod and setfattr, and for the tree; then comes the program.
 *
 * tar restores neither attributes nor modes that lock the owner out. For files that have attributes it calls mknod(2)
 * without a type, which fakeroot 1.31 takes for no kind of file at all; and it opens files with their final mode, which
 * the kernel enforces although fakeroot plays root.
 */
const SCRIPT = `
set -e
mkdir "$1/tree"
cd "$1/tree"
tar -x -p -f - --numeric-owner --same-owner --no-xattrs --delay-directory-restore --warning=no-timestamp
for list in ../modes/*; do
    [ ! -e "$list" ] || xargs -0 chmod "$(basename "$list")" -- < "$list"
done
[ ! -e ../attributes ] || setfattr -h --restore=../attributes
shift
exec "$@"
`;

/** A mode with which the file's owner can read and replace it. */
function openMode(type: string, mode: number): number {
  return type === 'symlink' ? mode : mode | (type === 'directory' ? 0o700 : 0o600);
}

/** Octal escapes for what getfattr(1) escapes. */
const quote = (text: Bytes): string =>
  text.replace(/[\\=\0-\x1f\x7f-\xff]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);

/** The lists of the script. */
interface Lists {
  /** Names of the files that {@link openMode} changes, each ended by a NUL, by their final mode. */
  readonly modes: ReadonlyMap<number, Bytes>;
  /** All extended attributes in the format that setfattr restores (getfattr(1)). */
  readonly attributes: string;
}

function listTree(files: FileTree, flatten: FlattenOptions): Lists {
  const modes = new Map<number, Bytes>();
  let attributes = '';
  for (const { entry } of flatEntries(files.tree, flatten)) {
    const { name, type, mode, xattrs } = entry;
    if (type !== 'link' && openMode(type, mode) !== mode) modes.set(mode, `${modes.get(mode) ?? ''}./${name}\0`);
    if (xattrs.size === 0) continue;
    const values = [...xattrs].map(
      ([key, value]) => `${quote(key)}=0s${Buffer.from(value, 'latin1').toString('base64')}\n`,
    );
    attributes += `# file: ${quote(name)}\n${values.join('')}\n`;
  }
  return { modes, attributes };
}

/** Settings of {@link runOnTree}. */
export interface TreeOptions {
  readonly tools: Tools;
  /** A folder for temporary files. */
  readonly scratch: string;
  readonly flatten: FlattenOptions;
  /** Seconds since 1970, for SOURCE_DATE_EPOCH. */
  readonly epoch: number;
  /** Counts bytes that are unpacked. */
  readonly advance: Advance;
}

/**
 * Runs a program that makes a file of a tree on disk, with all owners, modes, devices and attributes, as an ordinary user.
 * @param output the file, for whose folder the program may write
 * @param command the program with its arguments, given the tree's folder
 * @throws MissingTool, ToolFailed; the operating system's error
 */
export async function runOnTree(
  files: FileTree,
  output: string,
  command: (tree: string) => readonly string[],
  { tools, scratch, flatten, epoch, advance }: TreeOptions,
): Promise<void> {
  const folder = join(scratch, 'fakeroot');
  await mkdir(join(folder, 'modes'), { recursive: true });
  const { modes, attributes } = listTree(files, flatten);
  for (const [mode, names] of modes) await writeFile(join(folder, 'modes', mode.toString(8)), names, 'latin1');
  if (attributes !== '') {
    // The shell's own message would not tell which package it is of.
    await tools.version('setfattr');
    await writeFile(join(folder, 'attributes'), attributes, 'latin1');
  }
  const attributesOf = (path: Bytes, inode: Inode) => flatten.mapAttributes?.(path, inode) ?? inode.attributes;
  const mapAttributes = (path: Bytes, inode: Inode) => {
    const attributes = attributesOf(path, inode);
    return { ...attributes, mode: openMode(inode.type, attributes.mode) };
  };
  await tools.run('fakeroot', ['--', 'sh', '-c', SCRIPT, 'sh', folder, ...command(join(folder, 'tree'))], {
    input: counted(writeTar(files, { ...flatten, mapAttributes }), advance),
    // Without the first, mkfs.erofs keeps no file's own time. Without the second, fakeroot tries each chown itself, and
    // takes only EPERM for an answer; in a user namespace it is EINVAL.
    env: { SOURCE_DATE_EPOCH: String(epoch), FAKEROOTDONTTRYCHOWN: '1' },
    sees: { writes: [scratch, dirname(output)] },
  });
  await rm(folder, { recursive: true, force: true });
}
