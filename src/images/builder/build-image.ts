import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT_FILES, type RootKind } from '../../model/boot/root-kind.ts';
import {
  checkMediaTargets,
  findMediaPrograms,
  type LoaderKind,
  type MediaTargets,
  writeMedia,
} from '../media/write-media.ts';
import { BadImage, type OciImage } from '../oci/oci-image.ts';
import { dropImpossible } from '../output/format-limits.ts';
import { type Flat, ROOT_TOOLS, writeContent, writeRoot } from '../output/output-files.ts';
import { flatEntries, indexLayers } from '../rootfs/flatten.ts';
import { type Kernel, pickKernel } from '../rootfs/kernel.ts';
import { labelled, readPolicy } from '../rootfs/selinux-policy.ts';
import type { Inode } from '../rootfs/tree.ts';
import { type FetchedImage, fetchImage } from '../store/fetch-image.ts';
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
import { type ImageSource, mustBeRoot } from '../store/source.ts';
import { BadArchive, type Bytes } from '../tar/tar-entry.ts';
import { DiskFull, isDiskFull } from '../tools/disk-full.ts';
import { hashFile, type LayerFile, openLayer } from '../tools/layer-files.ts';
import type { Progress } from '../tools/progress.ts';
import type { Tools } from '../tools/tool-run.ts';
import { type BuilderImage, type InitrdOrigin, makeInitrd } from './initrd.ts';

/** The image to build, and from what. */
export interface BuildOptions extends MediaTargets {
  /** The artifacts folder. */
  readonly artifacts: string;
  /** The image's name, from {@link isBuildName}. */
  readonly name: string;
  readonly source: ImageSource;
  readonly roots: readonly RootKind[];
  /** As Go spells it; undefined for that of this machine. */
  readonly arch?: string | undefined;
  /** Accepts registries with plain HTTP or unknown certificates. */
  readonly insecure?: boolean | undefined;
  /** The version of the kernel to take; undefined for the newest. */
  readonly kernel?: string | undefined;
  /** The file of an initrd to take instead of making one. */
  readonly initrd?: string | undefined;
  /** An image in whose root dracut runs, where the image itself has none. */
  readonly builder?: ImageSource | undefined;
  /** Seconds since 1970: SOURCE_DATE_EPOCH. */
  readonly epoch?: number | undefined;
}

/** A build and whether its name stood for it before. */
export interface Built {
  /** The digest of the manifest, which names the build. */
  readonly id: string;
  readonly manifest: BuildManifest;
  readonly same: boolean;
  /** The boot loader of the media that were written beside, if any. */
  readonly loader: LoaderKind | undefined;
  /** Lines that say what the files that were made cannot hold of the image. */
  readonly notes: readonly string[];
}

/** What building takes from outside. */
export interface BuildRunOptions {
  readonly tools: Tools;
  readonly progress: Progress;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Ends the build, with everything as it was before. */
  readonly signal?: AbortSignal | undefined;
}

function tellDiskFull(error: unknown, { artifacts, name }: BuildOptions): unknown {
  if (error instanceof DiskFull || !isDiskFull(error)) return error;
  return new DiskFull(
    `no space is left on the disk of ${artifacts}: image ${name} is as it was before. Free some, such as with "slipway image gc"`,
    { cause: error },
  );
}

/** What all names and contents are worth, bytes. */
function unpackedSize(flat: Flat): number {
  let size = 0;
  for (const { entry } of flatEntries(flat.tree)) size += Math.ceil(entry.size / 4096) * 4096;
  return size;
}

async function bringImage(
  { artifacts, source, arch, insecure = false }: BuildOptions,
  work: string,
  { tools, progress }: BuildRunOptions,
): Promise<FetchedImage> {
  const { blobs } = storePaths(artifacts);
  if (source.kind === 'tar') progress.begin('fetch', `reading ${source.path}`, (await stat(source.path)).size);
  else progress.begin('fetch', `fetching ${source.reference}`);
  const image = await fetchImage({
    ...{ source, architecture: arch, insecure, blobs, work, tools },
    progress: progress.advance,
  });
  progress.end();
  return image;
}

async function openLayers(
  image: FetchedImage,
  folder: string,
  { tools, progress }: BuildRunOptions,
): Promise<LayerFile[]> {
  const layers: LayerFile[] = [];
  progress.begin(
    'unpack',
    'unpacking layers',
    image.layers.reduce((sum, { size }) => sum + size, 0),
  );
  try {
    for (const [i, { digest }] of image.layers.entries()) {
      layers.push(await openLayer(tools, image.file(digest), join(folder, `layer-${i}.tar`), progress.advance));
    }
  } catch (error) {
    await Promise.all(layers.map((layer) => layer.close()));
    throw error;
  }
  progress.end();
  return layers;
}

async function flattenImage(
  image: FetchedImage,
  layers: readonly LayerFile[],
  { epoch, source }: BuildOptions,
  { progress, signal }: BuildRunOptions,
): Promise<Flat & { readonly notes: readonly string[] }> {
  progress.begin('index', 'reading what is in them');
  const tree = await indexLayers(layers, signal);
  progress.end();
  mustBeRoot(tree, source);
  const notes = dropImpossible(tree);
  let newest = image.created === undefined ? 0n : BigInt(Math.floor(Date.parse(image.created) / 1000));
  if (epoch === undefined) {
    for (const { entry } of flatEntries(tree)) {
      const seconds = entry.mtime / 1_000_000_000n;
      if (seconds > newest) newest = seconds;
    }
  }
  const seconds = epoch ?? Number(newest);
  const latest = epoch === undefined ? undefined : BigInt(epoch) * 1_000_000_000n;
  const policy = await readPolicy(layers, tree);
  const mapAttributes = policy && ((path: Bytes, inode: Inode) => labelled(policy, path, inode));
  return {
    ...{ image, layers, tree, flatten: { latest, mapAttributes }, policy: policy?.name, notes },
    epoch: Math.max(0, Math.min(seconds, 0xffff_ffff)),
  };
}

async function describe(folder: string, file: string): Promise<BuiltFile> {
  const { digest, size } = await hashFile(join(folder, file));
  return { file, sha256: digest, size };
}

function describeSource({ manifest, created, layers }: OciImage): BuiltSource {
  return { digest: manifest.digest, created: created ?? null, layers: layers.map(({ digest }) => digest) };
}

/** Puts the initrd where it belongs: the caller's, the image's own, or one that dracut makes. */
async function bringInitrd(
  flat: Flat,
  kernel: Kernel,
  target: string,
  scratch: string,
  options: BuildOptions,
  run: BuildRunOptions,
): Promise<InitrdOrigin | { readonly from: 'given'; readonly builder?: never }> {
  const { tools, progress } = run;
  if (options.initrd !== undefined) {
    await copyFile(options.initrd, target);
    return { from: 'given' };
  }
  const { builder: source } = options;
  let layers: readonly LayerFile[] = [];
  const openBuilder = async (source: ImageSource): Promise<BuilderImage> => {
    progress.end();
    const folder = join(scratch, 'builder');
    await mkdir(folder);
    const fetching = { ...options, source, arch: flat.image.architecture };
    const image = await bringImage(fetching, folder, run);
    layers = await openLayers(image, folder, run);
    const tree = await indexLayers(layers, run.signal);
    mustBeRoot(tree, source);
    dropImpossible(tree);
    progress.begin('initrd', 'making the initrd in the builder');
    return { image, layers, tree };
  };
  progress.begin('initrd', 'making the initrd');
  try {
    const builder = source && (() => openBuilder(source));
    return await makeInitrd(flat, kernel, { tools, scratch, target, builder, progress: progress.advance });
  } finally {
    await Promise.all(layers.map((layer) => layer.close()));
    progress.end();
  }
}

/** The files of a build, but its manifest. */
async function writeFiles(
  flat: Flat & { readonly notes: readonly string[] },
  out: string,
  scratch: string,
  options: BuildOptions,
  run: BuildRunOptions & { readonly versions: Readonly<Record<string, string>> },
): Promise<Omit<Built, 'id' | 'same'>> {
  const { tools, progress, versions } = run;
  const { image } = flat;
  const kernel = await pickKernel(flat, options.kernel);
  progress.begin('kernel', `kernel ${kernel.version}`);
  const vmlinuz = join(out, 'vmlinuz');
  await writeContent(flat.layers, kernel.content, vmlinuz);
  progress.end();
  const programs = await findMediaPrograms(options, flat, vmlinuz);
  const total = unpackedSize(flat);
  const target = join(out, 'initrd.img');
  const origin = await bringInitrd(flat, kernel, target, scratch, options, run);
  const initrd = await describe(out, 'initrd.img');
  const roots: Partial<Record<RootKind, BuiltRoot>> = {};
  const notes = [...flat.notes];
  const note = (line: string) => notes.push(line);
  for (const kind of options.roots) {
    const file = ROOT_FILES[kind];
    progress.begin(
      kind,
      `writing ${file}`,
      kind === 'oci' ? image.layers.reduce((sum, { size }) => sum + size, 0) : total,
    );
    await writeRoot(kind, flat, { tools, folder: out, scratch, progress: progress.advance, note });
    progress.end();
    const built = await describe(out, file);
    roots[kind] = { ...built, memory: memoryNeeded(kind, built.size, total, initrd.size) };
  }
  const sources = { ...programs, name: options.name, kernel: vmlinuz, initrd: target };
  const loader = await writeMedia(flat, options, sources, { tools, progress });
  const manifest: BuildManifest = {
    format: 1,
    architecture: image.architecture,
    source: describeSource(image),
    unpacked: total,
    kernel: { ...(await describe(out, 'vmlinuz')), version: kernel.version },
    initrd: { ...initrd, from: origin.from, ...(origin.builder && { builder: describeSource(origin.builder) }) },
    selinux: flat.policy ?? null,
    roots,
    tools: versions,
  };
  return { manifest, loader, notes };
}

/** The programs that a build needs for certain, so that a missing one is told at once and not in the end. */
async function toolVersions({ source, roots }: BuildOptions, tools: Tools): Promise<Readonly<Record<string, string>>> {
  const needed = new Set([
    // All the others run in it.
    'bwrap',
    ...(source.kind === 'skopeo' ? ['skopeo'] : ['zstd']),
    ...roots.flatMap((kind) => ROOT_TOOLS[kind]),
  ]);
  return Object.fromEntries(
    await Promise.all([...needed].sort().map(async (tool) => [tool, await tools.version(tool)] as const)),
  );
}

async function build(places: StorePaths, work: string, options: BuildOptions, run: BuildRunOptions): Promise<Built> {
  const { progress, now } = run;
  const { name } = options;
  const versions = await toolVersions(options, run.tools);
  const [out, scratch, fetched] = [join(work, 'out'), join(work, 'scratch'), join(work, 'image')];
  for (const folder of [out, scratch, fetched]) await mkdir(folder);
  const image = await bringImage(options, fetched, run);
  const layers = await openLayers(image, scratch, run);
  let written: Omit<Built, 'id' | 'same'>;
  try {
    const flat = await flattenImage(image, layers, options, run);
    written = await writeFiles(flat, out, scratch, options, { ...run, versions });
  } finally {
    await Promise.all(layers.map((layer) => layer.close()));
  }
  const file = join(out, 'manifest.json');
  await writeFile(file, `${JSON.stringify(written.manifest, null, 2)}\n`);
  const { digest: id } = await hashFile(file);
  run.signal?.throwIfAborted();
  progress.begin('finish', 'writing all of it to disk');
  const before = await currentBuild(places, name);
  await publish(places, out, id, name, now());
  progress.end();
  return { id, ...written, same: before === id };
}

/**
 * Makes all that nodes need to boot an image, as an ordinary user. The name stands for the build before, whole, until
 * this one is whole; nothing else of an interrupted build stays than what the next one removes.
 * @throws BadImage, BadArchive, NameTaken, MissingTool, ToolFailed, DiskFull: what a person can do something about
 */
export async function buildImage(options: BuildOptions, run: BuildRunOptions): Promise<Built> {
  const places = storePaths(options.artifacts);
  for (const source of [options.source, options.builder]) if (source?.kind === 'tar') await mustBeFile(source.path);
  if (options.initrd !== undefined) await mustBeFile(options.initrd);
  await checkMediaTargets(options, run.tools, run.now());
  // A name that cannot be used is told at once and not in the end.
  await currentBuild(places, options.name);
  let work: string | undefined;
  try {
    await removeAbandoned(places, run.now());
    work = await makeWorkFolder(places);
    return await build(places, work, options, run);
  } catch (error) {
    if (error instanceof BadArchive) throw new BadImage(error.message, { cause: error });
    // Whatever broke when the end was asked for broke because of it.
    run.signal?.throwIfAborted();
    throw tellDiskFull(error, options);
  } finally {
    if (work !== undefined) await rm(work, { recursive: true, force: true });
  }
}

async function mustBeFile(path: string): Promise<void> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new BadImage(`there is no ${path}`);
    throw error;
  });
  if (!stats.isFile()) throw new BadImage(`${path} is no file`);
}
