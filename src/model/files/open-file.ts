/** A regular file open for reading. The caller that got it closes it. */
export interface OpenFile {
  /** The descriptor, valid until {@link close}; -1 for a file that is composed of {@link parts}. */
  readonly fd: number;
  /** The parts that the file is composed of while it is read, in order. */
  readonly parts?: readonly FilePart[];
  /** Bytes. */
  readonly size: number;
  /** When the bytes last changed, milliseconds since 1970. */
  readonly modified: number;
  /** Differs between versions of one file, and of different files; letters, digits and hyphens. */
  readonly stamp: string;
  /** SHA-256 of the bytes in 64 lower-case hex digits, if it is known. */
  readonly digest: string | undefined;
  /**
   * Reads at a position (bytes from the file's start) until the buffer is full or the file ends.
   * @returns the number of bytes read
   * @throws the operating system's error
   */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Checks that the bytes are still those that were opened. Call it after a read, before its bytes are used. */
  intact(): Promise<boolean>;
  /** The same, synchronously: cheaper for frequent checks than a turn of the thread pool. */
  intactNow(): boolean;
  /**
   * For a file that is not {@link intact}: compares its digest, if that is known, because a new name or mode also moves
   * the stamp. If the digest is the same, the file is intact again, but what was read before must be read again.
   * @throws the operating system's error
   */
  renew(): Promise<boolean>;
  /** Closes the file. May be called again. */
  close(): Promise<void>;
}

/** How often a file is renewed for one piece; a file whose stamp moves all the time is given up. */
const RENEWALS = 3;

/**
 * Reads a piece of the version that was opened.
 * @returns false if the file is too short or has changed
 */
export async function readWhole(file: OpenFile, buffer: Uint8Array, position: number): Promise<boolean> {
  for (let attempt = 0; ; attempt++) {
    if ((await file.read(buffer, position)) < buffer.length) return false;
    // Checked after the read: a write moves the file's time stamp before it changes a byte.
    if (file.intactNow()) return true;
    if (attempt === RENEWALS || !(await file.renew())) return false;
  }
}

/** A part of a file that is on no disk as a whole: bytes, or a part of another file. */
export type FilePart =
  | { readonly bytes: Uint8Array }
  | { readonly file: OpenFile; readonly first: number; readonly length: number };

/** Why a file cannot be read. `gone`: this version existed, but its bytes are lost. */
export interface NotOpened {
  readonly ok: false;
  readonly reason: 'missing' | 'directory' | 'refused' | 'gone';
  /** For people: half a sentence. */
  readonly why: string;
}

/** The result of opening a file. */
export type OpenResult = { readonly ok: true; readonly file: OpenFile } | NotOpened;
