import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ROOT_FILES, type RootKind } from '../../model/boot/root-kind.ts';
import type { RandomAccess } from '../../model/files/random-access.ts';
import { mapFiles, type Segment } from '../../model/files/segment.ts';
import { ociArchive } from '../oci/oci-archive.ts';
import { BadImage } from '../oci/oci-image.ts';
import { contentBytes, type FileTree, type FlattenOptions, flatEntries, writeTar } from '../rootfs/flatten.ts';
import type { Content, Inode } from '../rootfs/tree.ts';
import { type FetchedImage, uuidOf } from '../store/fetch-image.ts';
import { type Bytes, printable } from '../tar/tar-entry.ts';
import { ToolFailed, type Tools } from '../tools/tool-run.ts';
import { FAKEROOT_LIMITS, FILESYSTEM_LIMITS, type FormatLimits, fitFormat } from './format-limits.ts';
import { writeSegments } from './write-segments.ts';

/** The programs that make each form. */
export const ROOT_TOOLS: Readonly<Record<RootKind, readonly string[]>> = {
  squashfs: ['fakeroot', 'mksquashfs', 'sqfstar'],
  erofs: ['fakeroot', 'tar', 'mkfs.erofs'],
  'tar.zst': ['zstd'],
  oci: [],
};

/** What all forms are made from. */
export interface Flat extends FileTree {
  readonly image: FetchedImage;
  /** Seconds since 1970: what the build gives for the time of making. */
  readonly epoch: number;
  readonly flatten: FlattenOptions;
  /** The SELinux policy that labels the files. */
  readonly policy: string | undefined;
}

/** What {@link writeRoot} needs beside that. */
export interface OutputOptions {
  readonly tools: Tools;
  /** Where the file goes. */
  readonly folder: string;
  /** A place for what is only needed meanwhile. */
  readonly scratch: string;
  /** Told how many bytes of the whole went by. */
  readonly progress: (bytes: number) => void;
  /** Told in a line what of the files the form cannot hold. */
  readonly note: (line: string) => void;
}

/** The same files as a form can hold them. */
function fitted(flat: Flat, limits: FormatLimits, path: string, { note }: OutputOptions): Flat {
  const { flatten, lines } = fitFormat(flat, limits, basename(path));
  lines.forEach(note);
  return { ...flat, flatten };
}

async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  progress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    yield chunk;
    progress(chunk.length);
  }
}

/** By sqfstar, which needs no tree on disk. */
async function squashfsFromTar(flat: Flat, path: string, { tools, folder, progress }: OutputOptions): Promise<void> {
  const { tree, layers } = flat;
  const options: FlattenOptions = { ...flat.flatten, holes: 'zeros' };
  const mode = tree.root.attributes.mode.toString(8);
  // sqfstar 4.5 gives the root directory to whoever runs it, at the time of the environment, whatever its options say.
  await tools.run('fakeroot', ['--', 'sqfstar', ...SQUASHFS, '-root-mode', mode, path], {
    input: counted(writeTar(layers, tree, options), progress),
    env: { SOURCE_DATE_EPOCH: String(flat.epoch) },
    sees: { writes: [folder] },
  });
}

const SQUASHFS = ['-comp', 'zstd', '-b', '256K', '-no-progress', '-quiet'];

/** What only a tree on disk can tell of the root directory: another owner than root, and attributes such as a label. */
function writeSquashfs(whole: Flat, path: string, options: OutputOptions): Promise<void> {
  const flat = fitted(whole, FILESYSTEM_LIMITS, path, options);
  const root = flatEntries(flat.tree, flat.flatten).next().value?.entry;
  if (root && root.uid === 0 && root.gid === 0 && root.xattrs.size === 0) return squashfsFromTar(flat, path, options);
  return fromTree(flat, path, options, (tree) => ['mksquashfs', tree, path, '-noappend', ...SQUASHFS]);
}

async function writeErofs(whole: Flat, path: string, options: OutputOptions): Promise<void> {
  const flat = fitted(whole, FILESYSTEM_LIMITS, path, options);
  const uuid = uuidOf(flat.image.manifest.digest);
  const command = ['mkfs.erofs', '--quiet', '-d', '1', '-z', 'lz4hc', '-U', uuid, path];
  try {
    await fromTree(flat, path, options, (tree) => [...command, tree]);
  } catch (error) {
    throw error instanceof ToolFailed ? explainErofs(error, flat) : error;
  }
}

/** Linux's longest name, bytes, which mkfs.erofs 1.5 fails at with words that say nothing of it. */
const LONGEST_NAME = 255;

function explainErofs(error: ToolFailed, flat: Flat): Error {
  for (const { entry } of flatEntries(flat.tree)) {
    if (entry.name.length - (entry.name.lastIndexOf('/') + 1) < LONGEST_NAME) continue;
    return new BadImage(
      `this mkfs.erofs takes no names of ${LONGEST_NAME} bytes, as ${printable(entry.name)} has: shorten it, take a ` +
        'newer erofs-utils (1.8), or another root, such as squashfs',
      { cause: error },
    );
  }
  return error;
}

/**
 * In one process tree under fakeroot, since that keeps in memory who owns what. $1 to $3: the tree, a folder of lists of
 * files by mode, the attributes (or nothing); then comes the program that makes a file system of the tree.
 * tar is given neither the attributes nor modes that keep the owner out. It makes files that have attributes with a
 * mknod(2) without a type, which fakeroot 1.31 then takes for no kind of file at all; and it opens files with their own
 * mode, of which fakeroot does not know, so that nobody but root could read them again.
 */
const TREE_SCRIPT = `
set -e
mkdir "$1"
tar -x -p -C "$1" -f - --numeric-owner --same-owner --no-xattrs --delay-directory-restore --warning=no-timestamp
cd "$1"
for list in "$2"/*; do
    [ ! -e "$list" ] || xargs -0 chmod "$(basename "$list")" -- < "$list"
done
[ -z "$3" ] || setfattr -h --restore="$3"
shift 3
exec "$@"
`;

/** All extended attributes in the form that setfattr restores (getfattr(1)); undefined where there are none. */
function dumpAttributes({ tree, flatten }: Flat): string | undefined {
  const quote = (text: Bytes) =>
    text.replace(/[\\=\0-\x1f\x7f-\xff]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
  const blocks: string[] = [];
  for (const { entry } of flatEntries(tree, flatten)) {
    if (entry.xattrs.size === 0) continue;
    const lines = [...entry.xattrs].map(
      ([name, value]) => `${quote(name)}=0s${Buffer.from(value, 'latin1').toString('base64')}`,
    );
    blocks.push([`# file: ${quote(entry.name)}`, ...lines, ''].join('\n'));
  }
  return blocks.length === 0 ? undefined : `${blocks.join('\n')}\n`;
}

/** The mode of a file as its owner can read and replace it. */
function openMode({ type, attributes: { mode } }: Inode): number {
  return type === 'symlink' ? mode : mode | (type === 'directory' ? 0o700 : 0o600);
}

/** Writes the names of the files that {@link openMode} changes, one list for each mode, each name ended by a NUL. */
async function listModes({ tree, flatten }: Flat, folder: string): Promise<void> {
  await mkdir(folder);
  const lists = new Map<number, Bytes[]>();
  const note = (path: Bytes, inode: Inode) => {
    const { mode } = inode.attributes;
    if (openMode(inode) === mode) return inode.attributes;
    const list = lists.get(mode) ?? [];
    list.push(`.${path}\0`);
    lists.set(mode, list);
    return inode.attributes;
  };
  for (const _ of flatEntries(tree, { ...flatten, mapAttributes: note }));
  for (const [mode, names] of lists) await writeFile(join(folder, mode.toString(8)), names.join(''), 'latin1');
}

/** Makes a file system of the tree on disk, by a program that reads one. */
async function fromTree(
  whole: Flat,
  path: string,
  options: OutputOptions,
  command: (tree: string) => readonly string[],
): Promise<void> {
  const flat = fitted(whole, FAKEROOT_LIMITS, path, options);
  const { tools, scratch, progress } = options;
  const [root, modes, attributes] = ['tree', 'modes', 'attributes'].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  const dump = dumpAttributes(flat);
  if (dump !== undefined) {
    // The shell's own message would not tell which package it is of.
    await tools.version('setfattr');
    await writeFile(attributes, dump, 'latin1');
  }
  await listModes(flat, modes);
  const readable: FlattenOptions = {
    ...flat.flatten,
    mapAttributes: (path, inode) => ({
      ...(flat.flatten.mapAttributes?.(path, inode) ?? inode.attributes),
      mode: openMode(inode),
    }),
  };
  const rest = [root, modes, dump === undefined ? '' : attributes, ...command(root)];
  await tools.run('fakeroot', ['--', 'sh', '-c', TREE_SCRIPT, 'sh', ...rest], {
    input: counted(writeTar(flat.layers, flat.tree, readable), progress),
    // With the first mkfs.erofs keeps every file's own time. Without the second fakeroot tries each chown itself, and takes
    // only EPERM for an answer; in a user namespace it is EINVAL.
    env: { SOURCE_DATE_EPOCH: String(flat.epoch), FAKEROOTDONTTRYCHOWN: '1' },
    sees: { writes: [scratch, options.folder] },
  });
  await Promise.all([root, modes, attributes].map((path) => rm(path, { recursive: true, force: true })));
}

async function writeTarZst(flat: Flat, path: string, { tools, progress }: OutputOptions): Promise<void> {
  const target = await open(path, 'wx');
  try {
    // -T0 gives the same bytes on any number of cores.
    await tools.run('zstd', ['-q', '-c', '-T0', '-9'], {
      input: counted(writeTar(flat.layers, flat.tree, flat.flatten), progress),
      output: target.fd,
      sees: {},
    });
  } finally {
    await target.close();
  }
}

/** The image as an OCI archive, without a copy of anything. */
export function ociSegments(image: FetchedImage): readonly Segment<string>[] {
  return mapFiles(ociArchive(image, 'latest'), image.file);
}

function writeOci(flat: Flat, path: string, { progress }: OutputOptions): Promise<void> {
  return writeSegments(path, ociSegments(flat.image), progress);
}

const WRITERS: Readonly<Record<RootKind, (flat: Flat, path: string, options: OutputOptions) => Promise<void>>> = {
  squashfs: writeSquashfs,
  erofs: writeErofs,
  'tar.zst': writeTarZst,
  oci: writeOci,
};

/**
 * Writes the root file system in one form.
 * @throws ToolFailed, MissingTool; the operating system's error
 */
export function writeRoot(kind: RootKind, flat: Flat, options: OutputOptions): Promise<void> {
  return WRITERS[kind](flat, join(options.folder, ROOT_FILES[kind]), options);
}

/**
 * Writes one file of the image beside it.
 * @throws the operating system's error
 */
export async function writeContent(layers: readonly RandomAccess[], content: Content, path: string): Promise<void> {
  const target = await open(path, 'w', 0o644);
  try {
    for await (const bytes of contentBytes(layers, content)) await target.appendFile(bytes);
  } finally {
    await target.close();
  }
}
