import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT_FILES, type RootKind } from '../../model/boot/root-kind.ts';
import type { BootLoader } from '../media/boot-loader.ts';
import { checkMediaTargets, type MediaTargets } from '../media/check-targets.ts';
import { findMediaPrograms, writeMedia } from '../media/write-media.ts';
import { BadImage, type OciImage } from '../oci/oci-image.ts';
import { type FlatImage, flatImage, writeContent } from '../output/flat-image.ts';
import { initrdModulesOf } from '../output/initrd-modules.ts';
import { ROOT_FORMATS } from '../output/root-formats.ts';
import { flatEntries } from '../rootfs/flatten.ts';
import { pickKernel } from '../rootfs/kernel.ts';
import type { Tree } from '../rootfs/tree.ts';
import {
  type BuildManifest,
  type BuiltFile,
  type BuiltRoot,
  type BuiltSource,
  memoryNeeded,
} from '../store/manifest.ts';
import {
  currentBuild,
  makeWorkFolder,
  publish,
  removeAbandoned,
  type StorePaths,
  storePaths,
} from '../store/publish.ts';
import type { ImageSource } from '../store/source.ts';
import { BadArchive } from '../tar/tar-entry.ts';
import { DiskFull, isDiskFull } from '../tools/disk-full.ts';
import { hashFile } from '../tools/layer-files.ts';
import { makeInitrd } from './initrd.ts';
import { layersSize, type OpenOptions, openImage } from './open-image.ts';

/** The image to build, and from what. */
export interface BuildOptions extends MediaTargets, OpenOptions {
  /** The image's name, from {@link isBuildName}. */
  readonly name: string;
  readonly source: ImageSource;
  readonly roots: readonly RootKind[];
  /** The version of the kernel to take; undefined for the newest. */
  readonly kernel?: string | undefined;
  /** The file of an initrd to take instead of making one. */
  readonly initrd?: string | undefined;
  /** An image in whose root dracut runs, where the image itself has none. */
  readonly builder?: ImageSource | undefined;
  /** Seconds since 1970: SOURCE_DATE_EPOCH. */
  readonly epoch?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A finished build. */
export interface Built {
  /** The digest of the manifest, which names the build. */
  readonly id: string;
  readonly manifest: BuildManifest;
  /** True where its name stood for the same build before. */
  readonly same: boolean;
  /** The boot loader of the media that were written beside; undefined where none has one. */
  readonly loader: BootLoader['kind'] | undefined;
  /** Lines for people: parts of the image that the files of the build cannot hold. */
  readonly notes: readonly string[];
}

function explainDiskFull(error: unknown, { artifacts, name }: BuildOptions): unknown {
  if (error instanceof DiskFull || !isDiskFull(error)) return error;
  return new DiskFull(
    `no space is left on the disk of ${artifacts}: image ${name} is as it was before. Free some, such as with "slipway image gc"`,
    { cause: error },
  );
}

/** Bytes of all files as they occupy memory. */
function unpackedSize(tree: Tree): number {
  let size = 0;
  for (const { entry } of flatEntries(tree)) size += Math.ceil(entry.size / 4096) * 4096;
  return size;
}

async function describe(folder: string, file: string): Promise<BuiltFile> {
  const { digest, size } = await hashFile(join(folder, file));
  return { file, sha256: digest, size };
}

function describeSource({ manifest, created, layers }: OciImage): BuiltSource {
  return { digest: manifest.digest, created: created ?? null, layers: layers.map(({ digest }) => digest) };
}

/** Writes the files of a build but its manifest, and the media. */
async function writeFiles(
  flat: FlatImage,
  out: string,
  scratch: string,
  options: BuildOptions & { readonly versions: Readonly<Record<string, string>> },
): Promise<Omit<Built, 'id' | 'same'>> {
  const { tools, progress, versions } = options;
  const { image } = flat;
  const kernel = await pickKernel(flat, options.kernel);
  const [vmlinuz, initrdFile] = [join(out, 'vmlinuz'), join(out, 'initrd.img')];
  await progress.stage(`kernel ${kernel.version}`, undefined, () => writeContent(flat.layers, kernel.content, vmlinuz));
  const programs = await findMediaPrograms(options, flat, vmlinuz);
  const unpacked = unpackedSize(flat.tree);
  const { from, builder } = await makeInitrd(flat, kernel, initrdFile, scratch, options);
  const initrd = await describe(out, 'initrd.img');
  const modules = await initrdModulesOf(tools, initrdFile);
  const roots: Partial<Record<RootKind, BuiltRoot>> = {};
  const notes = [...flat.notes];
  const note = (line: string) => notes.push(line);
  for (const kind of options.roots) {
    const file = ROOT_FILES[kind];
    await progress.stage(`writing ${file}`, kind === 'oci' ? layersSize(image) : unpacked, (advance) =>
      ROOT_FORMATS[kind].write(flat, join(out, file), { tools, scratch, advance, note }),
    );
    const root = await describe(out, file);
    roots[kind] = { ...root, memory: memoryNeeded(kind, root.size, unpacked, initrd.size) };
  }
  await writeMedia(flat, programs, vmlinuz, initrdFile, options);
  const manifest: BuildManifest = {
    format: 1,
    architecture: image.architecture,
    source: describeSource(image),
    unpacked,
    kernel: { ...(await describe(out, 'vmlinuz')), version: kernel.version },
    initrd: { ...initrd, from, ...(modules && { modules }), ...(builder && { builder: describeSource(builder) }) },
    selinux: flat.policy ?? null,
    roots,
    tools: versions,
  };
  return { manifest, loader: programs.loader?.kind, notes };
}

/**
 * Versions of the programs that a build certainly needs, by name.
 * @throws MissingTool
 */
async function toolVersions({ source, roots, tools }: BuildOptions): Promise<Readonly<Record<string, string>>> {
  const needed = new Set([
    // All the others run in it.
    'bwrap',
    source.kind === 'skopeo' ? 'skopeo' : 'zstd',
    ...roots.flatMap((kind) => ROOT_FORMATS[kind].tools),
  ]);
  return Object.fromEntries(
    await Promise.all([...needed].sort().map(async (tool) => [tool, await tools.version(tool)] as const)),
  );
}

async function build(places: StorePaths, work: string, options: BuildOptions): Promise<Built> {
  const { name, source, epoch, progress, signal, now } = options;
  // At once: a missing program ends the build before the long work.
  const versions = await toolVersions(options);
  const [out, scratch] = [join(work, 'out'), join(work, 'scratch')];
  for (const folder of [out, scratch]) await mkdir(folder);
  const open = await openImage(source, join(work, 'image'), options);
  let written: Omit<Built, 'id' | 'same'>;
  try {
    written = await writeFiles(await flatImage(open.image, open, epoch), out, scratch, { ...options, versions });
  } finally {
    await open.close();
  }
  const file = join(out, 'manifest.json');
  await writeFile(file, `${JSON.stringify(written.manifest, null, 2)}\n`);
  const { digest: id } = await hashFile(file);
  signal?.throwIfAborted();
  const before = await currentBuild(places, name);
  await progress.stage('writing all of it to disk', undefined, () => publish(places, out, id, name, now()));
  return { id, ...written, same: before === id };
}

/** @throws BadImage where there is no such file */
async function mustBeFile(path: string): Promise<void> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new BadImage(`there is no ${path}`);
    throw error;
  });
  if (!stats.isFile()) throw new BadImage(`${path} is no file`);
}

/**
 * Makes all files that nodes need to boot an image, as an ordinary user. The name stands for the build before, whole,
 * until this one is whole. The next build removes what an interrupted one left.
 * @throws BadImage, NameTaken, MissingTool, ToolFailed, DiskFull: with what to do; the reason of the signal
 */
export async function buildImage(options: BuildOptions): Promise<Built> {
  const { artifacts, name, source, builder, initrd, tools, now, signal } = options;
  const places = storePaths(artifacts);
  for (const each of [source, builder]) if (each?.kind === 'tar') await mustBeFile(each.path);
  if (initrd !== undefined) await mustBeFile(initrd);
  await checkMediaTargets(options, tools, now());
  // Refuses a name that cannot be used before the long work.
  await currentBuild(places, name);
  let work: string | undefined;
  try {
    await removeAbandoned(places, now());
    work = await makeWorkFolder(places);
    return await build(places, work, options);
  } catch (error) {
    if (error instanceof BadArchive) throw new BadImage(error.message, { cause: error });
    // A failure after the signal is its consequence.
    signal?.throwIfAborted();
    throw explainDiskFull(error, options);
  } finally {
    if (work !== undefined) await rm(work, { recursive: true, force: true });
  }
}
