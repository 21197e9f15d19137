import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { NOT_ARRIVED } from '../../model/files/mirrored.ts';

const notArrived = (why: string, cause?: unknown) => Object.assign(new Error(why, { cause }), { code: NOT_ARRIVED });

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
    for await (const bytes of body) {
      if (this.written + bytes.length > this.size) throw notArrived('the registry sends more than it said');
      hash.update(bytes);
      for (let start = 0; start < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, start, bytes.length - start, this.written + start);
        start += bytesWritten;
      }
      this.written += bytes.length;
      this.tell();
    }
    if (this.written < this.size) throw notArrived(`the registry sent ${this.written} of ${this.size} bytes`);
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
