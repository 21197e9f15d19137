import { lstat, mkdir, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { namesIn } from '../../artifacts/folders.ts';
import { BadImage } from '../oci/oci-image.ts';
import { besides, writeSegments } from '../output/write-segments.ts';
import { foldersOf, type MediaFile } from './media-layout.ts';

/** Told of bytes that went by, and what time the files get, seconds since 1970. */
export interface MediaOptions {
  readonly progress: (bytes: number) => void;
  readonly epoch: number;
}

/** What every medium of ours has, and nothing else. */
const OURS = new Set(['EFI', 'loader', 'slipway']);

/**
 * Checks that a folder can be written: it is not there, or empty, or was written so before.
 * @throws BadImage where it has other things
 */
export async function checkEspFolder(folder: string): Promise<void> {
  const stats = await lstat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!stats) return;
  if (!stats.isDirectory()) throw new BadImage(`${folder} is no folder`);
  const { dev } = await lstat(dirname(folder));
  if (stats.dev !== dev) {
    throw new BadImage(`${folder} is where something is mounted: write to another folder, and copy what is in it`);
  }
  const names = await namesIn(folder);
  const foreign = names.find((name) => !OURS.has(name));
  if (foreign !== undefined || (names.length > 0 && !names.includes('slipway'))) {
    throw new BadImage(
      `${folder} holds other things (${JSON.stringify(foreign ?? names[0])}): give a new folder, or an empty one`,
    );
  }
}

/**
 * Writes an EFI system partition as a folder, and puts it in the place of one that was written before.
 * @throws the operating system's error
 */
export async function writeEsp(folder: string, files: readonly MediaFile[], options: MediaOptions): Promise<void> {
  const { progress, epoch } = options;
  const [fresh, old] = [await besides(folder), await besides(folder)];
  try {
    await mkdir(fresh);
    const folders = foldersOf(files);
    for (const path of folders) await mkdir(join(fresh, path));
    for (const { path, segments } of files) {
      await writeSegments(join(fresh, path), segments, progress);
      await utimes(join(fresh, path), epoch, epoch);
    }
    for (const path of [...folders].reverse()) await utimes(join(fresh, path), epoch, epoch);
    await rename(folder, old).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(fresh, folder);
  } finally {
    for (const path of [fresh, old]) await rm(path, { recursive: true, force: true });
  }
}
