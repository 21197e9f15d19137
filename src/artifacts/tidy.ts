import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordEvent } from '../model/event.ts';

/** The folders in the store's own folder. All else in them are regular files. */
const OWN_FOLDERS: readonly string[] = ['blobs', 'blobs/sha256', 'made', 'verity', 'mirror', 'mirror/sha256'];

/**
 * Removes entries that have the place of the store's own files and folders and are of another kind, such as a link, a
 * FIFO or a folder, and records that. The store makes its own anew when it needs them.
 * @param own the store's own folder; need not exist
 */
export async function tidy(own: string, record: RecordEvent): Promise<void> {
  const drop = async (path: string) => {
    const kept = await rm(path, { recursive: true, force: true }).catch((error: Error) => error);
    const message = `${path} is not of Slipway's making: ${kept ? `it is left alone (${kept.message})` : 'removed it'}`;
    record({ event: 'artifact.dropped', level: 'warn', message });
  };
  for (const folder of ['', ...OWN_FOLDERS]) {
    const entries = await readdir(join(own, folder), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      const message = `${join(own, folder)} cannot be read (${error.message}): what it keeps is not used`;
      if (error.code !== 'ENOENT') record({ event: 'artifact.dropped', level: 'warn', message });
      return [];
    });
    for (const entry of entries) {
      const name = join(folder, entry.name);
      const right = OWN_FOLDERS.includes(name) ? entry.isDirectory() : entry.isFile();
      // Other programs may have files in the outermost folder.
      const ours = folder !== '' || OWN_FOLDERS.includes(name) || name === 'digests.json';
      if (ours && !right) await drop(join(own, name));
    }
  }
}
