import type { RandomAccessFile } from './random-access.ts';
import type { Segment } from './segment.ts';

/** A regular file held open for reading. */
export interface OpenFile extends RandomAccessFile {
  /** The descriptor, valid until {@link close}; -1 where there is none, because there are {@link segments}. */
  readonly fd: number;
  /** The segments that the file is put together from while it is read, in order. */
  readonly segments?: readonly Segment<OpenFile>[];
  /**
   * Of a file whose bytes still arrive: waits until those before a position are there. Reading waits by itself.
   * @returns the stamp of the whole file, once it is whole and its digest right; undefined before
   * @throws an error of code NOT_ARRIVED (mirrored.ts) where they do not arrive
   */
  readonly arrived?: (end: number) => Promise<string | undefined>;
  /** When the bytes last changed, milliseconds since 1970. */
  readonly modified: number;
  /** Differs between versions of one file, and of different files; letters, digits and hyphens. */
  readonly stamp: string;
  /** SHA-256 of the bytes in 64 lower-case hex digits, if it is known. */
  readonly digest: string | undefined;
  /** Whether the bytes still are those that were opened. Called after a read and before its bytes are used. */
  intact(): Promise<boolean>;
  /** The same at once, without a turn of the thread pool. */
  intactNow(): boolean;
  /**
   * Checks whether a file that is not {@link intact} holds the bytes that were opened after all, by its digest where
   * that is known: it may have got another name or mode. If so it is intact again, but earlier reads are in doubt.
   * @throws the operating system's error
   */
  renew(): Promise<boolean>;
  /** Closes the file. May be called again. */
  close(): Promise<void>;
}

/** How often a file is renewed for one read: a program may move its time stamps all the time. */
const RENEWALS = 3;

/**
 * Fills a buffer from the version that was opened.
 * @returns false where the file is too short, or another version by now
 */
export async function readWhole(file: OpenFile, buffer: Uint8Array, position: number): Promise<boolean> {
  for (let attempt = 0; ; attempt++) {
    if ((await file.read(buffer, position)) < buffer.length) return false;
    // After the read: a write moves the file's time stamp before it changes a byte.
    if (file.intactNow()) return true;
    if (attempt === RENEWALS || !(await file.renew())) return false;
  }
}

/**
 * Reads the version that was opened from front to back.
 * @param step bytes at a time
 * @param use gets the bytes in their order; the memory is used again
 * @returns false where the file changed meanwhile: the bytes are of no version then
 */
export async function readThrough(file: OpenFile, step: number, use: (bytes: Buffer) => void): Promise<boolean> {
  const buffer = Buffer.allocUnsafe(Math.min(step, file.size));
  for (let position = 0; position < file.size; ) {
    const length = await file.read(buffer.subarray(0, file.size - position), position);
    if (length === 0) return false;
    use(buffer.subarray(0, length));
    position += length;
  }
  return file.intact();
}

/** A file that cannot be read. `gone`: this version existed, and its bytes do not any more. */
export interface NotOpened {
  readonly ok: false;
  readonly reason: 'missing' | 'directory' | 'refused' | 'gone';
  /** For people: half a sentence. */
  readonly why: string;
}

/** Result of opening a file. */
export type OpenResult = { readonly ok: true; readonly file: OpenFile } | NotOpened;
