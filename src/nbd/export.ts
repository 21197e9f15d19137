import type { RandomAccessFile } from '../model/files/random-access.ts';

/** The exports: files that clients read as block devices. */
export interface Exports {
  /** Opens an export by its name; undefined if there is none. It reads fewer bytes once it was overwritten. */
  open(name: string): Promise<RandomAccessFile | undefined>;
  /** The names in force. */
  names(): readonly string[];
}
