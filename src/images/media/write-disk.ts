import { createHash } from 'node:crypto';
import { open, stat, statfs } from 'node:fs/promises';
import { totalLength } from '../../model/files/segment.ts';
import { BadImage } from '../oci/oci-image.ts';
import { readSegments } from '../output/write-segments.ts';
import { uuidOf } from '../store/fetch-image.ts';
import { DiskFull } from '../tools/disk-full.ts';
import { ToolFailed, type Tools } from '../tools/tool-run.ts';
import { foldersOf, type MediaFile } from './media-layout.ts';
import type { MediaOptions } from './write-esp.ts';

/** The programs that make a disk image: a partition table, a file system, and files in it. None of them needs root. */
export const DISK_TOOLS = ['sfdisk', 'mkfs.vfat', 'mmd', 'mcopy'];

const MIB = 1024 * 1024;
const SECTOR = 512;
const CLUSTER = 4096;
/** FAT32 has 65,525 clusters or more (Microsoft's FAT specification 1.03, "FAT Type Determination"). */
const LEAST_MIB = 260;
/** The partition's first sector, as partitioning programs have it: flash media want multiples of 1 MiB. */
const FIRST = MIB / SECTOR;
/** EFI system partition (UEFI specification 2.10, table 5.7). */
const ESP_TYPE = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';

/** How large a FAT32 file system of 4 KiB clusters is into which files fit, MiB. */
export function fatSize(files: readonly MediaFile[]): number {
  const clusters = files.reduce((sum, { segments }) => sum + Math.ceil(totalLength(segments) / CLUSTER), 0);
  const all = clusters + foldersOf(files).length + 1;
  // Two tables of four bytes for each cluster; the rest is room for the reserved sectors and the rounding.
  return Math.max(LEAST_MIB, Math.ceil((all * (CLUSTER + 8)) / MIB) + 2);
}

/** A time that FAT can write down: from 1980 to 2107. */
function fatTime(seconds: number): number {
  return Math.min(Math.max(seconds, Date.UTC(1980, 0, 1) / 1000), Date.UTC(2107, 11, 31) / 1000);
}

/** What {@link writeDisk} needs. */
export interface DiskOptions extends MediaOptions {
  readonly tools: Tools;
  /** The image's digest, which decides every identifier on the disk. */
  readonly digest: string;
}

/**
 * Checks that a file can be written or replaced.
 * @throws BadImage for a device, a folder and the like
 */
export async function checkTarget(path: string): Promise<void> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (stats && !stats.isFile()) {
    throw new BadImage(`${path} is no file: write to one, and copy that with dd where you want it`);
  }
}

/**
 * Writes a disk image: a GPT with an EFI system partition, which has the files. It has holes where nothing is.
 * @param path a file that is not there yet
 * @throws ToolFailed, MissingTool, DiskFull; the operating system's error
 */
export async function writeDisk(path: string, files: readonly MediaFile[], options: DiskOptions): Promise<void> {
  const { tools, digest, epoch, progress } = options;
  const mebibytes = fatSize(files);
  const disk = await open(path, 'wx', 0o644);
  try {
    // Before and after it a MiB each for the two partition tables.
    await disk.truncate((mebibytes + 2) * MIB);
    await disk.sync();
  } finally {
    await disk.close();
  }
  // No settings and no time zone of the caller's own.
  const env = { SOURCE_DATE_EPOCH: String(fatTime(epoch)), TZ: 'UTC0', MTOOLSRC: '/dev/null' };
  const run = async (tool: string, args: readonly string[], input?: AsyncIterable<Uint8Array>) => {
    try {
      await tools.run(tool, args, { env, input, sees: { writes: [path] } });
    } catch (error) {
      // Each of the programs has its own words for it, or none.
      const { bavail, bsize } = await statfs(path);
      if (error instanceof ToolFailed && bavail * bsize < MIB) throw new DiskFull(error.message, { cause: error });
      throw error;
    }
  };
  const partition = [
    `start=${FIRST}`,
    `size=${(mebibytes * MIB) / SECTOR}`,
    `type=${ESP_TYPE}`,
    `uuid=${uuidOf(`${digest} esp`)}`,
    'name=SLIPWAY',
  ];
  const script = `label: gpt\nlabel-id: ${uuidOf(`${digest} disk`)}\n${partition.join(', ')}\n`;
  await run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', path], oneChunk(script));
  const serial = createHash('sha256').update(digest).digest('hex').slice(0, 8);
  await run('mkfs.vfat', [
    ...['--invariant', '-F', '32', '-s', String(CLUSTER / SECTOR), '-S', String(SECTOR), '-i', serial, '-n', 'SLIPWAY'],
    ...['-h', String(FIRST), '--offset', String(FIRST), path, String(mebibytes * 1024)],
  ]);
  const inside = ['-i', `${path}@@${MIB}`];
  await run('mmd', [...inside, ...foldersOf(files).map((folder) => `::${folder}`)]);
  for (const file of files) await run('mcopy', [...inside, '-', `::${file.path}`], counted(file, progress));
  const written = await open(path, 'r');
  try {
    await written.sync();
  } finally {
    await written.close();
  }
}

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function* counted({ segments }: MediaFile, progress: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const bytes of readSegments(segments)) {
    yield bytes;
    progress(bytes.length);
  }
}
