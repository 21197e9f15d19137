import { gunzipSync, constants as zlib } from 'node:zlib';
import { type Compression, detectCompression } from './compression.ts';

/** The kinds of files that boot, or that are taken for such by mistake. */
export type FileKind =
  | Exclude<Compression, 'none'>
  | ('bzImage' | 'arm64 Image' | 'UEFI program' | 'ELF' | 'squashfs' | 'EROFS' | 'ISO 9660' | 'ext4' | 'tar' | 'cpio')
  | ('text' | 'empty');

/** How many bytes of a file's beginning {@link kindOf} looks at. */
export const KIND_BYTES = 0x8006;

/** Bytes that tell a kind, as ISO 8859-1, and where they stand. The order counts: a kernel may be a UEFI program too. */
const MAGIC: readonly (readonly [FileKind, number, string])[] = [
  // Linux's Documentation/arch/x86/boot.rst and Documentation/arch/arm64/booting.rst
  ['bzImage', 0x202, 'HdrS'],
  ['arm64 Image', 56, 'ARM\x64'],
  ['UEFI program', 0, 'MZ'],
  ['ELF', 0, '\x7fELF'],
  ['squashfs', 0, 'hsqs'],
  ['EROFS', 1024, '\xe2\xe1\xf5\xe0'],
  ['ISO 9660', 0x8001, 'CD001'],
  ['tar', 257, 'ustar'],
  ['cpio', 0, '070701'],
  ['cpio', 0, '070702'],
  ['ext4', 1080, '\x53\xef'],
];

/** Lines of printable characters, such as a script, or a server's page in the place of a file. */
const TEXT = /^[\t\r\n\x20-\x7e]*\n[\t\r\n\x20-\x7e]*$/;

/**
 * The kind of a file by its content.
 * @param start its first {@link KIND_BYTES}, or all of it
 * @returns undefined for none of those known
 */
export function kindOf(start: Buffer): FileKind | undefined {
  if (start.length === 0) return 'empty';
  const magic = MAGIC.find(([, at, bytes]) => start.toString('latin1', at, at + bytes.length) === bytes);
  if (magic) return magic[0];
  const compression = detectCompression(start);
  if (compression !== 'none') return compression;
  return TEXT.test(start.toString('latin1', 0, 512)) ? 'text' : undefined;
}

const KERNELS: ReadonlySet<FileKind | undefined> = new Set(['bzImage', 'arm64 Image', 'UEFI program']);

/** Whether a gzip file has a kernel of arm64 in it, as Ubuntu's have: such a kernel does not unpack itself. */
function hasArm64Image(start: Buffer): boolean {
  try {
    return kindOf(gunzipSync(start.subarray(0, 4096), { finishFlush: zlib.Z_SYNC_FLUSH })) === 'arm64 Image';
  } catch {
    return false;
  }
}

/**
 * What a file is instead of a kernel that boots.
 * @param start its first {@link KIND_BYTES}
 * @returns undefined for a kernel, and for what is unknown: it may be one of another architecture
 */
export function noKernel(start: Buffer): FileKind | undefined {
  const kind = kindOf(start);
  return KERNELS.has(kind) || (kind === 'gzip' && hasArm64Image(start)) ? undefined : kind;
}
