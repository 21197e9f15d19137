import { align, CPIO_HEADER, readCpioHeader } from './cpio.ts';

/** Finds the names in cpio archives (newc) that come in pieces, and keeps nothing else of them. */
export class CpioStream {
  private readonly onName: (name: string) => void;
  /** What has come of a header and its name. */
  private held: Buffer = Buffer.alloc(0);
  /** Bytes to go to the next header. */
  private skip = 0;
  private broken = false;

  /** @param onName called with each name, without a slash or `./` at its beginning */
  constructor(onName: (name: string) => void) {
    this.onName = onName;
  }

  /** Takes the next bytes. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.broken) {
      const skipped = Math.min(this.skip, rest.length);
      this.skip -= skipped;
      rest = rest.subarray(skipped);
      if (this.skip > 0) return;
      rest = this.readHeader(rest);
    }
  }

  /** Whether all that has come was archives, to the end of a file or of the padding. */
  get whole(): boolean {
    return !this.broken && this.skip === 0 && this.held.every((byte) => byte === 0);
  }

  /** Takes a header with its name, or as much as there is of it. @returns what follows */
  private readHeader(bytes: Buffer): Buffer {
    const all = this.held.length > 0 ? Buffer.concat([this.held, bytes]) : bytes;
    // Zeros pad archives.
    let padding = 0;
    while (padding + 4 <= all.length && all.readUInt32LE(padding) === 0) padding += 4;
    if (padding > 0) {
      this.held = Buffer.alloc(0);
      return all.subarray(padding);
    }
    if (all.length < CPIO_HEADER) return this.hold(all);
    const header = readCpioHeader(all.toString('latin1', 0, CPIO_HEADER));
    if (!header) {
      this.broken = true;
      return Buffer.alloc(0);
    }
    const end = CPIO_HEADER + header.nameLength;
    if (all.length < end) return this.hold(all);
    this.onName(all.toString('latin1', CPIO_HEADER, end - 1).replace(/^\.?\//, ''));
    this.held = Buffer.alloc(0);
    this.skip = align(align(end) + header.size) - end;
    return all.subarray(end);
  }

  private hold(bytes: Buffer): Buffer {
    // A copy: what it is a part of may be as long as a pipe's buffer.
    this.held = Buffer.from(bytes);
    return Buffer.alloc(0);
  }
}
