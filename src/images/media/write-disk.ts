import { createHash } from 'node:crypto';
import { open, statfs } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { totalLength } from '../../model/files/segment.ts';
import { readSegments } from '../output/write-segments.ts';
import { uuidOf } from '../store/fetch-image.ts';
import { DiskFull } from '../tools/disk-full.ts';
import { counted } from '../tools/progress.ts';
import { ToolFailed, type Tools } from '../tools/tool-run.ts';
import { foldersOf, type MediaFile } from './media-layout.ts';
import type { EspOptions } from './write-esp.ts';

/** The programs that make a disk image: a partition table, a file system, and files in it. None of them needs root. */
export const DISK_TOOLS = ['sfdisk', 'mkfs.vfat', 'mmd', 'mcopy'];

const MIB = 1024 * 1024;
const SECTOR = 512;
const CLUSTER = 4096;
/** FAT32 has 65,525 clusters or more (Microsoft's FAT specification 1.03, "FAT Type Determination"). */
const MIN_MIB = 260;
/** The partition's first sector, as partitioning programs have it: flash media want multiples of 1 MiB. */
const FIRST = MIB / SECTOR;
/** EFI system partition (UEFI specification 2.10, table 5.7). */
const ESP_TYPE = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';

/** Size of a FAT32 file system of 4 KiB clusters that holds the files, MiB. */
export function fatSize(files: readonly MediaFile[]): number {
  const clusters = files.reduce((sum, { segments }) => sum + Math.ceil(totalLength(segments) / CLUSTER), 0);
  const all = clusters + foldersOf(files).length + 1;
  // Two tables of four bytes for each cluster; the rest is room for the reserved sectors and the rounding.
  return Math.max(MIN_MIB, Math.ceil((all * (CLUSTER + 8)) / MIB) + 2);
}

/** The nearest time that FAT has: from 1980 to 2107. */
function fatTime(seconds: number): number {
  return Math.min(Math.max(seconds, Date.UTC(1980, 0, 1) / 1000), Date.UTC(2107, 11, 31) / 1000);
}

/** Settings of {@link writeDisk}. */
export interface DiskOptions extends EspOptions {
  readonly tools: Tools;
  /** The image's digest, which decides every identifier on the disk. */
  readonly digest: string;
}

/**
 * Writes a disk image: a GPT with an EFI system partition, which has the files. It is a sparse file.
 * @param path a file that is not there yet
 * @throws ToolFailed, MissingTool, DiskFull; the operating system's error
 */
export async function writeDisk(path: string, files: readonly MediaFile[], options: DiskOptions): Promise<void> {
  const { tools, digest, epoch, advance } = options;
  const mebibytes = fatSize(files);
  const disk = await open(path, 'wx', 0o644);
  try {
    // Before and after it a MiB each for the two partition tables.
    await disk.truncate((mebibytes + 2) * MIB);
    await disk.sync();
  } finally {
    await disk.close();
  }
  // Without the caller's settings and time zone.
  const env = { SOURCE_DATE_EPOCH: String(fatTime(epoch)), TZ: 'UTC0', MTOOLSRC: '/dev/null' };
  const run = async (tool: string, args: readonly string[], input?: AsyncIterable<Uint8Array>) => {
    try {
      await tools.run(tool, args, { env, input, sees: { writes: [path] } });
    } catch (error) {
      // Each of the programs says it in other words, or not at all.
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
  await run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', path], Readable.from([Buffer.from(script)]));
  const serial = createHash('sha256').update(digest).digest('hex').slice(0, 8);
  await run('mkfs.vfat', [
    ...['--invariant', '-F', '32', '-s', String(CLUSTER / SECTOR), '-S', String(SECTOR), '-i', serial, '-n', 'SLIPWAY'],
    ...['-h', String(FIRST), '--offset', String(FIRST), path, String(mebibytes * 1024)],
  ]);
  const inside = ['-i', `${path}@@${MIB}`];
  await run('mmd', [...inside, ...foldersOf(files).map((folder) => `::${folder}`)]);
  for (const { path, segments } of files)
    await run('mcopy', [...inside, '-', `::${path}`], counted(readSegments(segments), advance));
  const written = await open(path, 'r');
  try {
    await written.sync();
  } finally {
    await written.close();
  }
}
