import { fstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { OpenFile } from '../model/files/open-file.ts';
import { readHandle } from '../model/files/random-access.ts';
import { versionOf, versionTag } from './store/version.ts';

/** A file whose bytes still arrive. */
export interface ArrivingFile {
  readonly path: string;
  /** Of the whole file, bytes. */
  readonly size: number;
  /** Of the whole file, 64 hex digits. */
  readonly digest: string;
  /** See {@link OpenFile.arrived}. */
  readonly arrived: (end: number) => Promise<string | undefined>;
}

/**
 * Opens a file whose bytes still arrive.
 * @returns undefined where it has its final name by now, or was given up
 * @throws the operating system's error
 */
export async function openArriving({ path, size, digest, arrived }: ArrivingFile): Promise<OpenFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let closing: Promise<void> | undefined;
  /** Of the whole file, once it is whole. */
  let stamp: string | undefined;
  const intactNow = () =>
    stamp === undefined || stamp === versionTag(versionOf(fstatSync(handle.fd, { bigint: true })));
  return {
    ...{ fd: handle.fd, size, digest, stamp: digest, modified: 0, arrived, intactNow },
    intact: async () => intactNow(),
    renew: async () => intactNow(),
    read: async (buffer, position) => {
      stamp = await arrived(Math.min(size, position + buffer.length));
      return readHandle(handle, buffer, position);
    },
    close: () => {
      closing ??= handle.close();
      return closing;
    },
  };
}
