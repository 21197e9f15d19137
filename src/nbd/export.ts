import type { RandomAccessFile } from '../model/files/random-access.ts';

/** The exports: files that clients read as block devices. */
export interface Exports {
  /** Opens an export by its name; undefined if there is none. Once its file is overwritten, reads give fewer bytes. */
  open(name: string): Promise<RandomAccessFile | undefined>;
  /** The names of the current versions. */
  names(): readonly string[];
}
