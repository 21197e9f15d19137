import { BadImage } from './oci-image.ts';

/** A part of a unified kernel image, named as systemd-stub(7) expects it: `.linux`, `.initrd`, `.cmdline`, `.osrel`. */
export interface UkiSection {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** Where everything goes in the file. */
export interface UkiLayout {
  /** The stub with its headers changed, filled up to where the first section begins. */
  readonly head: Buffer;
  /** Bytes of zeros that follow each section, in their order. */
  readonly padding: readonly number[];
  /** Bytes in all. */
  readonly size: number;
}

/** Sections begin at pages: firmware may protect them one by one. */
const PAGE = 4096;
const SECTION_HEADER = 40;
/** IMAGE_SCN_CNT_INITIALIZED_DATA and IMAGE_SCN_MEM_READ (PE format specification, "Section Flags"). */
const READ_ONLY_DATA = 0x4000_0040;
/** Positions in the optional header of PE32+. */
const OPTIONAL = { magic: 0, fileAlignment: 36, sizeOfImage: 56, sizeOfHeaders: 60, checksum: 64 };
const PE32_PLUS = 0x20b;

const align = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/**
 * Adds sections to a stub: a PE32+ program for UEFI that finds them in itself when it is started.
 * @throws BadImage for what is no such program, or has no room for further section headers, or would grow past 4 GiB
 */
export function layOutUki(stub: Buffer, sections: readonly UkiSection[]): UkiLayout {
  const pe = stub.length >= 64 && stub.toString('latin1', 0, 2) === 'MZ' ? stub.readUInt32LE(0x3c) : -1;
  const optional = pe + 24;
  const whole = pe > 0 && optional + 112 <= stub.length && stub.toString('latin1', pe, pe + 4) === 'PE\0\0';
  if (!whole || stub.readUInt16LE(optional + OPTIONAL.magic) !== PE32_PLUS) {
    throw new BadImage('the UEFI stub is no PE32+ program');
  }
  const count = stub.readUInt16LE(pe + 6);
  const table = optional + stub.readUInt16LE(pe + 20);
  const room = stub.readUInt32LE(optional + OPTIONAL.sizeOfHeaders);
  if (table + (count + sections.length) * SECTION_HEADER > Math.min(room, stub.length)) {
    throw new BadImage('the UEFI stub has no room for more sections');
  }
  let address = 0;
  for (let i = 0; i < count; i++) {
    const header = table + i * SECTION_HEADER;
    address = Math.max(address, stub.readUInt32LE(header + 8) + stub.readUInt32LE(header + 12));
  }
  const unit = stub.readUInt32LE(optional + OPTIONAL.fileAlignment) || 512;
  let position = align(stub.length, unit);
  const head = Buffer.alloc(position);
  stub.copy(head);
  const padding: number[] = [];
  for (const [i, { name, size }] of sections.entries()) {
    const header = table + (count + i) * SECTION_HEADER;
    const raw = align(size, unit);
    address = align(address, PAGE);
    if (Math.max(address, position) + raw > 0xffff_ffff)
      throw new BadImage('a unified kernel image cannot exceed 4 GiB');
    head.fill(0, header, header + SECTION_HEADER);
    head.write(name.slice(0, 8), header, 'latin1');
    head.writeUInt32LE(size, header + 8);
    head.writeUInt32LE(address, header + 12);
    head.writeUInt32LE(raw, header + 16);
    head.writeUInt32LE(position, header + 20);
    head.writeUInt32LE(READ_ONLY_DATA, header + 36);
    padding.push(raw - size);
    position += raw;
    address += size;
  }
  head.writeUInt16LE(count + sections.length, pe + 6);
  head.writeUInt32LE(align(address, PAGE), optional + OPTIONAL.sizeOfImage);
  // Only drivers and boot-critical Windows programs are checked.
  head.writeUInt32LE(0, optional + OPTIONAL.checksum);
  return { head, padding, size: position };
}

/** The bytes before a file's content in a cpio archive (newc), and those after it, the archive's end included. */
export function cpioFrame(name: string, size: number): { readonly before: Buffer; readonly after: Buffer } {
  if (size > 0xffff_ffff) throw new BadImage(`${name} is too large for an initrd, which can hold files up to 4 GiB`);
  const member = (path: string, mode: number, length: number): Buffer => {
    const fields = [1, mode, 0, 0, 1, 0, length, 0, 0, 0, 0, path.length + 1, 0];
    const text = `070701${fields.map((field) => field.toString(16).padStart(8, '0').toUpperCase()).join('')}${path}\0`;
    return Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(align(text.length, 4) - text.length)]);
  };
  return {
    before: member(name, 0o100644, size),
    after: Buffer.concat([Buffer.alloc(align(size, 4) - size), member('TRAILER!!!', 0, 0)]),
  };
}
