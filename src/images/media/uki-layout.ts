import { BadImage } from '../oci/oci-image.ts';
import { mustBePe } from './pe.ts';

/** A part of a unified kernel image, named as systemd-stub(7) expects it: `.linux`, `.initrd`, `.cmdline`, `.osrel`. */
export interface UkiSection {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** The layout of the file. */
export interface UkiLayout {
  /** The stub with its headers changed, padded to the first section. */
  readonly head: Buffer;
  /** Bytes of padding after each section, in their order. */
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
const OPTIONAL = { fileAlignment: 36, sizeOfImage: 56, sizeOfHeaders: 60, checksum: 64 };

const align = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/**
 * Adds sections to a stub: a PE32+ program for UEFI that finds them in itself when it is started.
 * @throws BadImage for a stub that is no such program or has no room for section headers, and for more than 4 GiB
 */
export function layOutUki(stub: Buffer, sections: readonly UkiSection[]): UkiLayout {
  const { coff, optional, table, count } = mustBePe(stub, 'the UEFI stub');
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
  head.writeUInt16LE(count + sections.length, coff + 2);
  head.writeUInt32LE(align(address, PAGE), optional + OPTIONAL.sizeOfImage);
  // Only drivers and boot-critical Windows programs are checked.
  head.writeUInt32LE(0, optional + OPTIONAL.checksum);
  return { head, padding, size: position };
}
