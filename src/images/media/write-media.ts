import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ociArchive } from '../oci/oci-archive.ts';
import { BadImage } from '../oci/oci-image.ts';
import { type Flat, ociPieces } from '../output/output-files.ts';
import { type Piece, piecesSize } from '../output/pieces.ts';
import { removeStale, replaceFile } from '../output/write-pieces.ts';
import { DiskFull, isDiskFull } from '../tools/disk-full.ts';
import { openSource } from '../tools/layer-files.ts';
import type { Progress } from '../tools/progress.ts';
import type { Tools } from '../tools/tool-run.ts';
import { type BootLoader, findBootLoader, findStub } from './boot-loader.ts';
import { checkArguments, checkRootSize, layOutMedia } from './media-layout.ts';
import { checkTarget, DISK_TOOLS, writeDisk } from './write-disk.ts';
import { checkEspFolder, writeEsp } from './write-esp.ts';
import { writeUki } from './write-uki.ts';

/** Paths of the media to write beside an image, for machines that boot it without a network. */
export interface MediaTargets {
  /** A unified kernel image. */
  readonly uki?: string | undefined;
  /** The folder of an EFI system partition. */
  readonly esp?: string | undefined;
  /** A disk image. */
  readonly disk?: string | undefined;
  /** Kernel arguments beside `root=`. */
  readonly append?: string | undefined;
}

/** The files of a build that media are made of. */
export interface MediaSources extends MediaPrograms {
  /** What a menu calls the image. */
  readonly name: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** What writing takes from outside. */
export interface WriteMediaOptions {
  readonly tools: Tools;
  readonly progress: Progress;
}

/**
 * Checks what can be known before the work begins: the places, the programs and the arguments. Removes what killed
 * builds left at the places.
 * @param now milliseconds since 1970
 * @throws BadImage, MissingTool
 */
export async function checkMediaTargets(
  { uki, esp, disk, append = '' }: MediaTargets,
  tools: Tools,
  now: number,
): Promise<void> {
  if (esp !== undefined || disk !== undefined) checkArguments(append);
  const places = [uki, esp, disk].filter((path) => path !== undefined);
  for (const path of places) await checkParent(dirname(path));
  for (const path of [uki, disk]) if (path !== undefined) await checkTarget(path);
  if (esp !== undefined) await checkEspFolder(esp);
  if (disk !== undefined) for (const tool of DISK_TOOLS) await tools.version(tool);
  for (const path of places) await removeStale(path, now);
}

/** @throws BadImage where nothing can be written beside what is to be replaced */
async function checkParent(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw new BadImage(
      error.code === 'ENOENT' ? `there is no folder ${folder}` : `${folder} cannot be written to (${error.code})`,
    );
  });
}

/** Runs what writes one of the media. */
async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    throw new DiskFull(`no space is left on the disk of ${path}, which is as it was before`, { cause: error });
  }
}

/** The programs that media begin with, for those that were asked for. */
export interface MediaPrograms {
  readonly stub: Buffer | undefined;
  readonly loader: BootLoader | undefined;
}

/**
 * Finds what the image has to have for its media, before roots are made of it.
 * @param kernel the file of the kernel
 * @throws BadImage with what to do; for an image that is too large
 */
export async function findMediaPrograms(
  { uki, esp, disk }: MediaTargets,
  flat: Flat,
  kernel: string,
): Promise<MediaPrograms> {
  const stub = uki === undefined ? undefined : await findStub(flat);
  if (esp === undefined && disk === undefined) return { stub, loader: undefined };
  checkRootSize(ociArchive(flat.image, 'latest').size);
  return { stub, loader: await findBootLoader(flat, await firstPage(kernel)) };
}

/** Which boot loader the media have. */
export type LoaderKind = 'shim and GRUB' | 'systemd-boot';

/**
 * Writes what was asked for; each of them replaces what was there when it is whole.
 * @returns the boot loader, where there is one beside the kernel
 * @throws BadImage with what to do, ToolFailed, DiskFull; the operating system's error
 */
export async function writeMedia(
  flat: Flat,
  { uki, esp, disk, append = '' }: MediaTargets,
  { name, kernel, initrd, stub, loader }: MediaSources,
  { tools, progress }: WriteMediaOptions,
): Promise<LoaderKind | undefined> {
  const archive = ociPieces(flat.image);
  const parts = { name, args: append, archive, kernel: await wholeFile(kernel), initrd: await wholeFile(initrd) };
  const total = piecesSize([parts.kernel, parts.initrd, ...archive]);
  if (uki !== undefined && stub) {
    progress.begin('uki', `writing ${uki}`, total);
    const whole = { ...parts, stub, progress: progress.advance };
    await writing(uki, () => replaceFile(uki, (path) => writeUki(path, flat, whole)));
    progress.end();
  }
  if (!loader) return undefined;
  const kind = loader.kind === 'grub' ? 'shim and GRUB' : loader.kind;
  const files = layOutMedia({ ...parts, loader });
  const options = { progress: progress.advance, epoch: flat.epoch };
  if (esp !== undefined) {
    progress.begin('esp', `writing ${esp}, with ${kind}`, total);
    await writing(esp, () => writeEsp(esp, files, options));
    progress.end();
  }
  if (disk !== undefined) {
    progress.begin('disk', `writing ${disk}, with ${kind}`, total);
    const all = { ...options, tools, digest: flat.image.manifest.digest };
    await writing(disk, () => replaceFile(disk, (path) => writeDisk(path, files, all)));
    progress.end();
  }
  return kind;
}

async function wholeFile(file: string): Promise<Piece> {
  return { file, size: (await stat(file)).size };
}

async function firstPage(file: string): Promise<Buffer> {
  const source = await openSource(file);
  try {
    return await source.read(0, 4096);
  } finally {
    await source.close();
  }
}
