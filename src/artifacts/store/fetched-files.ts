import { rename } from 'node:fs/promises';
import { removeUnneeded } from '../folders.ts';
import type { DigestFolder } from './digest-folder.ts';
import type { StoreServices } from './services.ts';
import { type Blob, type FileVersion, versionAt } from './version.ts';

/**
 * What a folder of versions needs where its files were fetched, and may be fetched again.
 * @param blobs the folder's entries, by digest
 * @param entryOf the entry of a digest, made where there is none
 */
export function fetchedFiles(
  blobs: Map<string, Blob>,
  entryOf: (digest: string, size: number) => Blob,
  folder: DigestFolder,
  { record, monotonic }: Pick<StoreServices, 'record' | 'monotonic'>,
) {
  return {
    /** Takes a file of the same file system under its digest, which its writer has checked. */
    adopt: async (digest: string, size: number, file: string): Promise<FileVersion | undefined> => {
      const target = folder.pathOf(digest);
      await rename(file, target);
      const version = await versionAt(target);
      Object.assign(entryOf(digest, size), { size, version, kept: true, lastUsed: monotonic() });
      return version;
    },

    /** Removes the least recently used files that nobody reads until at most so many bytes are left. */
    trim: async (limit: number): Promise<void> => {
      const kept = [...blobs].filter(([, blob]) => blob.kept).sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
      let bytes = kept.reduce((sum, [, { size }]) => sum + size, 0);
      for (const [digest, blob] of kept) {
        if (bytes <= limit) return;
        // One may have been opened, or replaced, meanwhile.
        if (blob.readers > 0 || blobs.get(digest) !== blob) continue;
        blobs.delete(digest);
        bytes -= blob.size;
        await removeUnneeded(folder.pathOf(digest));
        record({ event: 'artifact.collected', level: 'debug', message: 'removed the least recently used', digest });
      }
    },

    /** Bytes of the kept files. */
    bytes: () => [...blobs.values()].reduce((sum, { kept, size }) => sum + (kept ? size : 0), 0),
  };
}
