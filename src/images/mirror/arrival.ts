import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { NOT_ARRIVED } from '../../model/files/mirrored.ts';

const notArrived = (why: string, cause?: unknown) => Object.assign(new Error(why, { cause }), { code: NOT_ARRIVED });

/** Bytes that may wait to be written; more than these wait in the network. */
const WAITING = 4 * 1024 * 1024;

/** Writes to a file from its start, while the next bytes come: those that came meanwhile go together. */
class Writer {
  private readonly file: FileHandle;
  private readonly wrote: (position: number) => void;
  private pending: Uint8Array[] = [];
  private bytes = 0;
  private position = 0;
  private writing: Promise<void> | undefined;
  private error: unknown;

  /** @param wrote gets the bytes that are in the file */
  constructor(file: FileHandle, wrote: (position: number) => void) {
    this.file = file;
    this.wrote = wrote;
  }

  /** Takes bytes, and waits where too many do. @throws the operating system's error of an earlier write */
  async add(bytes: Uint8Array): Promise<void> {
    this.check();
    this.pending.push(bytes);
    this.bytes += bytes.length;
    this.writing ??= this.write();
    if (this.bytes > WAITING) await this.writing;
  }

  /** Waits until all is written, or a write has failed. */
  async end(): Promise<void> {
    await this.writing;
  }

  /** @throws the operating system's error of a write */
  check(): void {
    if (this.error !== undefined) throw this.error;
  }

  private async write(): Promise<void> {
    try {
      while (this.pending.length > 0) {
        const batch = Buffer.concat(this.pending);
        this.pending = [];
        this.bytes = 0;
        for (let start = 0; start < batch.length; ) {
          const { bytesWritten } = await this.file.write(batch, start, batch.length - start, this.position);
          start += bytesWritten;
          this.position += bytesWritten;
        }
        this.wrote(this.position);
      }
    } catch (error) {
      this.error = error;
    }
    this.writing = undefined;
  }
}

/** Bytes that arrive for a file, and those who wait for them. */
export class Arrival {
  private readonly size: number;
  private written = 0;
  private end: { readonly stamp: string } | { readonly error: Error } | undefined;
  private readonly waiting = new Set<{ readonly until: number; readonly settle: () => void }>();

  /** @param size bytes of the whole file */
  constructor(size: number) {
    this.size = size;
  }

  /** Bytes that are there. */
  get bytes(): number {
    return this.written;
  }

  /**
   * Writes the bytes of a body to a file, as they come.
   * @param digest 64 hex digits
   * @throws Error of code NOT_ARRIVED unless they are as many as was said, and have the digest; the operating system's
   */
  async fill(body: AsyncIterable<Uint8Array>, file: FileHandle, digest: string): Promise<void> {
    const hash = createHash('sha256');
    const writer = new Writer(file, (written) => {
      this.written = written;
      this.tell();
    });
    let received = 0;
    try {
      for await (const bytes of body) {
        received += bytes.length;
        if (received > this.size) throw notArrived('the registry sends more than it said');
        hash.update(bytes);
        await writer.add(bytes);
      }
    } finally {
      await writer.end();
    }
    writer.check();
    if (received < this.size) throw notArrived(`the registry sent ${received} of ${this.size} bytes`);
    if (hash.digest('hex') !== digest) throw notArrived('the registry sent other bytes than those of the digest');
  }

  /** The file is whole and right. @param stamp of the file in its place */
  complete(stamp: string): void {
    this.end = { stamp };
    this.tell();
  }

  /** No more bytes come. */
  fail(error: Error): void {
    this.end = { error: notArrived(error.message, error) };
    this.tell();
  }

  /** See {@link OpenFile.arrived}. The last byte counts as arrived only when the digest is right. */
  async until(position: number): Promise<string | undefined> {
    if (!this.isThere(position)) {
      await new Promise<void>((resolve) => this.waiting.add({ until: position, settle: resolve }));
    }
    if (this.end && 'error' in this.end) throw this.end.error;
    return this.end?.stamp;
  }

  private isThere(position: number): boolean {
    return this.end !== undefined || position <= Math.min(this.written, this.size - 1);
  }

  private tell(): void {
    for (const each of this.waiting) {
      if (!this.isThere(each.until)) continue;
      this.waiting.delete(each);
      each.settle();
    }
  }
}
