import { access, constants, lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { namesIn } from '../../artifacts/folders.ts';
import { BadImage } from '../oci/oci-image.ts';
import { removeStale } from '../output/write-segments.ts';
import type { Tools } from '../tools/tool-run.ts';
import { checkArguments } from './media-layout.ts';
import { DISK_TOOLS } from './write-disk.ts';

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

/**
 * Checks what can be known before the work begins: paths, programs and arguments. Removes what killed builds left
 * beside the paths.
 * @param now milliseconds since 1970
 * @throws BadImage, MissingTool
 */
export async function checkMediaTargets(targets: MediaTargets, tools: Tools, now: number): Promise<void> {
  const { uki, esp, disk, append = '' } = targets;
  if (esp !== undefined || disk !== undefined) checkArguments(append);
  const paths = [uki, esp, disk].filter((path) => path !== undefined);
  for (const path of paths) await checkParent(dirname(path));
  for (const path of [uki, disk]) if (path !== undefined) await checkFile(path);
  if (esp !== undefined) await checkEspFolder(esp);
  if (disk !== undefined) for (const tool of DISK_TOOLS) await tools.version(tool);
  for (const path of paths) await removeStale(path, now);
}

/** @throws BadImage for a folder in which nothing can be written */
async function checkParent(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw new BadImage(
      error.code === 'ENOENT' ? `there is no folder ${folder}` : `${folder} cannot be written to (${error.code})`,
    );
  });
}

const missing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT') throw error;
};

/** @throws BadImage for a device, a folder and the like in the file's place */
async function checkFile(path: string): Promise<void> {
  const stats = await stat(path).catch(missing);
  if (stats && !stats.isFile()) {
    throw new BadImage(`${path} is no file: write to one, and copy that with dd where you want it`);
  }
}

/** The folders of an EFI system partition as {@link writeEsp} writes it. */
const ESP_FOLDERS = new Set(['EFI', 'loader', 'slipway']);

/** @throws BadImage unless the folder is missing, empty, or was written by an earlier build */
async function checkEspFolder(folder: string): Promise<void> {
  const stats = await lstat(folder).catch(missing);
  if (!stats) return;
  if (!stats.isDirectory()) throw new BadImage(`${folder} is no folder`);
  const { dev } = await lstat(dirname(folder));
  if (stats.dev !== dev) {
    throw new BadImage(`${folder} is where something is mounted: write to another folder, and copy what is in it`);
  }
  const names = await namesIn(folder);
  const foreign = names.find((name) => !ESP_FOLDERS.has(name));
  if (foreign !== undefined || (names.length > 0 && !names.includes('slipway'))) {
    throw new BadImage(
      `${folder} holds other things (${JSON.stringify(foreign ?? names[0])}): give a new folder, or an empty one`,
    );
  }
}
