import { mkdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { besides, writeSegments } from '../output/write-segments.ts';
import type { Advance } from '../tools/progress.ts';
import { foldersOf, type MediaFile } from './media-layout.ts';

/** Settings of {@link writeEsp}. */
export interface EspOptions {
  /** Counts bytes of the files. */
  readonly advance: Advance;
  /** The time that all files get, seconds since 1970. */
  readonly epoch: number;
}

/**
 * Writes an EFI system partition as a folder, in place of one that was there.
 * @throws the operating system's error
 */
export async function writeEsp(folder: string, files: readonly MediaFile[], options: EspOptions): Promise<void> {
  const { advance, epoch } = options;
  const [fresh, old] = [await besides(folder), await besides(folder)];
  try {
    await mkdir(fresh);
    const folders = foldersOf(files);
    for (const path of folders) await mkdir(join(fresh, path));
    for (const { path, segments } of files) {
      await writeSegments(join(fresh, path), segments, advance);
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
