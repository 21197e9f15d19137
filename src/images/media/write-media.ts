import { stat } from 'node:fs/promises';
import { type Segment, totalLength } from '../../model/files/segment.ts';
import { ociArchive } from '../oci/oci-archive.ts';
import type { FlatImage } from '../output/flat-image.ts';
import { ociSegments } from '../output/root-formats.ts';
import { replaceFile } from '../output/write-segments.ts';
import { readOsRelease } from '../rootfs/os-release.ts';
import { DiskFull, isDiskFull } from '../tools/disk-full.ts';
import { readPart } from '../tools/layer-files.ts';
import type { Advance, Progress } from '../tools/progress.ts';
import type { Tools } from '../tools/tool-run.ts';
import { type BootLoader, findBootLoader, findStub } from './boot-loader.ts';
import type { MediaTargets } from './check-targets.ts';
import { checkRootSize, layOutMedia } from './media-layout.ts';
import { writeDisk } from './write-disk.ts';
import { writeEsp } from './write-esp.ts';
import { writeUki } from './write-uki.ts';

/** UEFI's programs for the media that were asked for. */
export interface MediaPrograms {
  /** Of a unified kernel image. */
  readonly stub: Buffer | undefined;
  /** Of a partition or a disk. */
  readonly loader: BootLoader | undefined;
}

/**
 * Finds the programs for the media, before roots are made.
 * @param kernel the file of the kernel
 * @throws BadImage with what to do; for an image that is too large
 */
export async function findMediaPrograms(
  { uki, esp, disk }: MediaTargets,
  flat: FlatImage,
  kernel: string,
): Promise<MediaPrograms> {
  const stub = uki === undefined ? undefined : await findStub(flat);
  if (esp === undefined && disk === undefined) return { stub, loader: undefined };
  checkRootSize(totalLength(ociArchive(flat.image, 'latest')));
  return { stub, loader: await findBootLoader(flat, await readPart(kernel, 0, 4096)) };
}

/** Settings of {@link writeMedia}. */
export interface MediaOptions extends MediaTargets {
  /** The image's name in a boot loader's menu. */
  readonly name: string;
  readonly tools: Tools;
  readonly progress: Progress;
}

/**
 * Writes the media; each replaces its predecessor when it is whole.
 * @param kernel its file
 * @param initrd its file
 * @throws BadImage with what to do, ToolFailed, DiskFull; the operating system's error
 */
export async function writeMedia(
  flat: FlatImage,
  { stub, loader }: MediaPrograms,
  kernel: string,
  initrd: string,
  { uki, esp, disk, append = '', name, tools, progress }: MediaOptions,
): Promise<void> {
  const archive = ociSegments(flat.image);
  const parts = { append, archive, kernel: await wholeFile(kernel), initrd: await wholeFile(initrd) };
  const total = totalLength([parts.kernel, parts.initrd, ...archive]);
  const write = async (path: string, title: string, work: (advance: Advance) => Promise<void>): Promise<void> => {
    try {
      await progress.stage(title, total, work);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      throw new DiskFull(`no space is left on the disk of ${path}, which is as it was before`, { cause: error });
    }
  };
  if (uki !== undefined && stub) {
    const { text } = await readOsRelease(flat);
    await write(uki, `writing ${uki}`, (advance) =>
      replaceFile(uki, (path) => writeUki(path, stub, text, parts, advance)),
    );
  }
  if (!loader) return;
  const { epoch, image } = flat;
  const files = layOutMedia(name, loader, parts);
  if (esp !== undefined) {
    await write(esp, `writing ${esp}, with ${loader.kind}`, (advance) => writeEsp(esp, files, { advance, epoch }));
  }
  if (disk === undefined) return;
  const options = { tools, epoch, digest: image.manifest.digest };
  await write(disk, `writing ${disk}, with ${loader.kind}`, (advance) =>
    replaceFile(disk, (path) => writeDisk(path, files, { ...options, advance })),
  );
}

async function wholeFile(file: string): Promise<Segment<string>> {
  return { file, first: 0, length: (await stat(file)).size };
}
