import { type RandomAccess, readBytes } from '../../model/files/random-access.ts';
import { BadImage } from '../oci/oci-image.ts';

/** The format that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst), as text. */
const MAGICS = ['070701', '070702'];
export const CPIO_HEADER = 110;

/** Result of {@link scanCpio}. */
export interface CpioNames {
  readonly names: ReadonlySet<string>;
  /** The position of data that is no cpio archive, such as a compressed one; undefined where none follows. */
  readonly rest: number | undefined;
  /** Whether the list is complete, up to the rest. */
  readonly whole: boolean;
}

export const align = (position: number): number => Math.ceil(position / 4) * 4;

/**
 * Reads the header of a file in an archive.
 * @param text its {@link CPIO_HEADER} bytes
 * @returns the bytes of its content, and of its name with the NUL at the end; undefined for anything else
 */
export function readCpioHeader(text: string): { readonly size: number; readonly nameLength: number } | undefined {
  const field = (index: number) => Number.parseInt(text.slice(6 + 8 * index, 14 + 8 * index), 16);
  const [size, nameLength] = [field(6), field(11)];
  if (!MAGICS.includes(text.slice(0, 6)) || !(size >= 0) || !(nameLength > 0 && nameLength <= 4096)) return undefined;
  return { size, nameLength };
}

/**
 * Lists the names in the uncompressed archives at a file's start: an initrd may have several, microcode first. The list
 * ends at a damaged one.
 */
export async function scanCpio(source: RandomAccess): Promise<CpioNames> {
  const names = new Set<string>();
  let position = 0;
  while (position < source.size) {
    const header = (await readBytes(source, position, CPIO_HEADER)).toString('latin1');
    if (!MAGICS.includes(header.slice(0, 6))) {
      // Zeros pad archives.
      if (header.slice(0, 4) !== '\0\0\0\0') return { names, rest: position, whole: true };
      position += 4;
      continue;
    }
    const read = readCpioHeader(header);
    if (!read) return { names, rest: undefined, whole: false };
    const name = (await readBytes(source, position + CPIO_HEADER, read.nameLength - 1)).toString('latin1');
    names.add(name.replace(/^\.?\//, ''));
    position = align(align(position + CPIO_HEADER + read.nameLength) + read.size);
  }
  return { names, rest: undefined, whole: position === source.size };
}

/**
 * The bytes before and after a file's content in a cpio archive (newc) with that one file.
 * @throws BadImage for a file of more than 4 GiB
 */
export function cpioFrame(name: string, size: number): { readonly before: Buffer; readonly after: Buffer } {
  if (size > 0xffff_ffff) throw new BadImage(`${name} is too large for an initrd, which can hold files up to 4 GiB`);
  const member = (path: string, mode: number, length: number): Buffer => {
    const fields = [1, mode, 0, 0, 1, 0, length, 0, 0, 0, 0, path.length + 1, 0];
    const text = `070701${fields.map((field) => field.toString(16).padStart(8, '0').toUpperCase()).join('')}${path}\0`;
    return Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(align(text.length) - text.length)]);
  };
  return {
    before: member(name, 0o100644, size),
    after: Buffer.concat([Buffer.alloc(align(size) - size), member('TRAILER!!!', 0, 0)]),
  };
}
