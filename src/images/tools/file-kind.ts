import { gunzipSync, constants as zlib } from 'node:zlib';
import { type Compression, detectCompression } from './compression.ts';

/** Kinds of files that machines boot from, and of files that people name by mistake. */
export type FileKind =
  | Exclude<Compression, 'none'>
  | ('bzImage' | 'arm64 Image' | 'UEFI program' | 'ELF' | 'squashfs' | 'EROFS' | 'ISO 9660' | 'ext4' | 'tar' | 'cpio')
  | ('text' | 'empty');

/** Bytes of a file's beginning that {@link kindOf} needs. */
export const KIND_BYTES = 0x8006;

/** Kinds by magic bytes (as ISO 8859-1) at a position. The first match counts: a kernel may be a UEFI program too. */
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

/** Printable lines, such as a script, or an error page of a server in place of a file. */
const TEXT = /^[\t\r\n\x20-\x7e]*\n[\t\r\n\x20-\x7e]*$/;

/**
 * The kind of a file by its content.
 * @param start its first {@link KIND_BYTES}, or all of it
 * @returns undefined for an unknown kind
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

/** Recognises a gzip file of an arm64 kernel, as Ubuntu has them: such a kernel does not unpack itself. */
function hasArm64Image(start: Buffer): boolean {
  try {
    return kindOf(gunzipSync(start.subarray(0, 4096), { finishFlush: zlib.Z_SYNC_FLUSH })) === 'arm64 Image';
  } catch {
    return false;
  }
}

/**
 * The kind of a file that is no kernel.
 * @param start its first {@link KIND_BYTES}
 * @returns undefined for a kernel and for unknown kinds: those may be kernels of another architecture
 */
export function noKernel(start: Buffer): FileKind | undefined {
  const kind = kindOf(start);
  return KERNELS.has(kind) || (kind === 'gzip' && hasArm64Image(start)) ? undefined : kind;
}
