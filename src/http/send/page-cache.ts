import { singleFlight } from '../../artifacts/single-flight.ts';
import type { OpenFile } from '../../model/files/open-file.ts';
import type { Syscalls } from '../../model/sockets/syscalls.ts';

/** Bytes that are loaded, and remembered, together. */
export const REGION = 4 * 1024 * 1024;
/** The time for which a region that was read counts as cached, milliseconds. */
const FRESH = 30_000;
/** Files that are remembered. */
const FILES = 64;

/**
 * Remembers the regions of files that were read lately. sendfile(2) stops the whole program until the disk has
 * answered, so it is called only for regions in the page cache. Others are read on another thread first, once for all
 * downloads.
 */
export class PageCache {
  private readonly syscalls: Pick<Syscalls, 'load'>;
  private readonly now: () => number;
  /** When each region of a file was last loaded, by the file's stamp. */
  private readonly files = new Map<string, Float64Array>();
  private readonly loading = new Map<string, Promise<void>>();

  /** @param now milliseconds */
  constructor(syscalls: Pick<Syscalls, 'load'>, now: () => number) {
    this.syscalls = syscalls;
    this.now = now;
  }

  /** Reads the region that holds a position; undefined where it was read lately. */
  want(file: OpenFile, position: number): Promise<void> | undefined {
    const region = Math.floor(position / REGION);
    const times = this.timesOf(file);
    if (this.now() - (times[region] ?? 0) < FRESH) return undefined;
    return singleFlight(this.loading, `${file.stamp} ${region}`, async () => {
      await this.syscalls.load(file.fd, region * REGION, Math.min(REGION, file.size - region * REGION));
      times[region] = this.now();
    });
  }

  private timesOf({ stamp, size }: OpenFile): Float64Array {
    const known = this.files.get(stamp);
    if (known) return known;
    const times = new Float64Array(Math.ceil(size / REGION)).fill(Number.NEGATIVE_INFINITY);
    this.files.set(stamp, times);
    const [oldest] = this.files.keys();
    if (this.files.size > FILES && oldest !== undefined) this.files.delete(oldest);
    return times;
  }
}
