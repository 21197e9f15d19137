import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { RootKind } from '../../model/boot/root-kind.ts';
import { mapFiles, type Segment } from '../../model/files/segment.ts';
import { ociArchive } from '../oci/oci-archive.ts';
import { BadImage } from '../oci/oci-image.ts';
import { type FlattenOptions, flatEntries, writeTar } from '../rootfs/flatten.ts';
import { type FetchedImage, uuidOf } from '../store/fetch-image.ts';
import { printable } from '../tar/tar-entry.ts';
import { type Advance, counted } from '../tools/progress.ts';
import { ToolFailed, type Tools } from '../tools/tool-run.ts';
import { runOnTree } from './fakeroot-tree.ts';
import type { FlatImage } from './flat-image.ts';
import { FAKEROOT_LIMITS, FILESYSTEM_LIMITS, type FormatLimits, fitFormat } from './format-limits.ts';
import { writeSegments } from './write-segments.ts';

/** Settings of a writer. */
export interface RootOptions {
  readonly tools: Tools;
  /** A folder for temporary files. */
  readonly scratch: string;
  /** Counts bytes of the unpacked root; for `oci` those of the archive. */
  readonly advance: Advance;
  /** Takes a line for people: what the format cannot hold of the files. */
  readonly note: (line: string) => void;
}

/** A format of root file systems. */
interface RootFormat {
  /** The programs that make it. */
  readonly tools: readonly string[];
  /**
   * Writes a new file.
   * @throws BadImage with what to do; ToolFailed, MissingTool; the operating system's error
   */
  readonly write: (image: FlatImage, path: string, options: RootOptions) => Promise<void>;
}

/** All formats. */
export const ROOT_FORMATS: Readonly<Record<RootKind, RootFormat>> = {
  squashfs: { tools: ['fakeroot', 'mksquashfs', 'sqfstar'], write: writeSquashfs },
  erofs: { tools: ['fakeroot', 'tar', 'mkfs.erofs'], write: writeErofs },
  'tar.zst': { tools: ['zstd'], write: writeTarZst },
  oci: { tools: [], write: ({ image }, path, { advance }) => writeSegments(path, ociSegments(image), advance) },
};

/** How the image's files are written so that a format can hold them. */
function fitted(image: FlatImage, limits: FormatLimits, path: string, { note }: RootOptions): FlattenOptions {
  const { flatten, lines } = fitFormat(image, limits, basename(path));
  lines.forEach(note);
  return flatten;
}

const SQUASHFS = ['-comp', 'zstd', '-b', '256K', '-no-progress', '-quiet'];

async function writeSquashfs(image: FlatImage, path: string, options: RootOptions): Promise<void> {
  const flatten = fitted(image, FILESYSTEM_LIMITS, path, options);
  const root = flatEntries(image.tree, flatten).next().value?.entry;
  // sqfstar 4.5 gives the root directory to root without attributes, and the time of the environment, whatever its
  // options say. mksquashfs takes them from a tree.
  if (root?.uid !== 0 || root.gid !== 0 || root.xattrs.size > 0) {
    const args = ['-noappend', ...SQUASHFS];
    await writeByTree({ ...image, flatten }, path, options, (tree) => ['mksquashfs', tree, path, ...args]);
    return;
  }
  await options.tools.run('fakeroot', ['--', 'sqfstar', ...SQUASHFS, '-root-mode', root.mode.toString(8), path], {
    input: counted(writeTar(image, { ...flatten, holes: 'zeros' }), options.advance),
    env: { SOURCE_DATE_EPOCH: String(image.epoch) },
    sees: { writes: [dirname(path)] },
  });
}

async function writeErofs(image: FlatImage, path: string, options: RootOptions): Promise<void> {
  const flatten = fitted(image, FILESYSTEM_LIMITS, path, options);
  const uuid = uuidOf(image.image.manifest.digest);
  const command = ['mkfs.erofs', '--quiet', '-d', '1', '-z', 'lz4hc', '-U', uuid, path];
  try {
    await writeByTree({ ...image, flatten }, path, options, (tree) => [...command, tree]);
  } catch (error) {
    throw error instanceof ToolFailed ? explainErofs(error, image) : error;
  }
}

/** Makes a file system by a program that reads a tree on disk. */
async function writeByTree(
  image: FlatImage,
  path: string,
  options: RootOptions,
  command: (tree: string) => readonly string[],
): Promise<void> {
  const flatten = fitted(image, FAKEROOT_LIMITS, path, options);
  await runOnTree(image, path, command, { ...options, flatten, epoch: image.epoch });
}

/** Linux's longest name, bytes, at which mkfs.erofs 1.5 fails with a message that does not name it. */
const MAX_NAME = 255;

function explainErofs(error: ToolFailed, image: FlatImage): Error {
  for (const { entry } of flatEntries(image.tree)) {
    if (entry.name.length - (entry.name.lastIndexOf('/') + 1) < MAX_NAME) continue;
    return new BadImage(
      `this mkfs.erofs takes no names of ${MAX_NAME} bytes, as ${printable(entry.name)} has: shorten it, take a ` +
        'newer erofs-utils (1.8), or another root, such as squashfs',
      { cause: error },
    );
  }
  return error;
}

async function writeTarZst(image: FlatImage, path: string, { tools, advance }: RootOptions): Promise<void> {
  const target = await open(path, 'wx');
  try {
    // -T0 gives the same bytes on any number of cores.
    await tools.run('zstd', ['-q', '-c', '-T0', '-9'], {
      input: counted(writeTar(image, image.flatten), advance),
      output: target.fd,
      sees: {},
    });
  } finally {
    await target.close();
  }
}

/** The segments of an image's OCI archive. */
export function ociSegments(image: FetchedImage): readonly Segment<string>[] {
  return mapFiles(ociArchive(image, 'latest'), image.file);
}
