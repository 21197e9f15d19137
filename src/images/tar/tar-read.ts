import { buffered, type RandomAccess, readBytes } from '../../model/files/random-access.ts';
import { type Attributes, BadArchive, type Bytes, type EntryType, printable, type TarEntry } from './tar-entry.ts';
import { BLOCK, decodeHeader, isZero, type RawHeader, textField } from './tar-header.ts';
import { decodePax, type PaxRecords, parseTime } from './tar-pax.ts';
import { layOut, readOldMap, readPaxMap, type SparseMap } from './tar-sparse.ts';

/** The longest extended header or name, bytes: about the limit of GNU tar's and Go's readers. */
const MAX_HEADER = 4 * 1024 * 1024;

/** The most keywords of global headers: more than there are. */
const MAX_GLOBAL = 100;

/** The most memory for the names, links and attributes of all members of an archive, bytes. */
const MAX_METADATA = 1024 * 1024 * 1024;
/** Memory that a member takes besides, bytes. */
const MEMBER_SIZE = 500;

const TYPES: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  // A file that is meant to be contiguous on disk, which no reader heeds.
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  // A directory with a list of names that GNU tar's incremental dumps add.
  D: 'directory',
  '6': 'fifo',
};

/** The values that extended headers give for the next member. */
interface Extended {
  name?: Bytes;
  linkname?: Bytes;
  pax: PaxRecords;
}

const wholeBlocks = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;

function decimal(value: Bytes, what: string): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new BadArchive(`an extended header has no number for ${what}`);
  return number;
}

/** An attribute as libarchive writes it, beside or instead of `SCHILY.xattr.`: name percent-encoded, value in base64. */
function libarchiveXattr(keyword: Bytes, value: Bytes): readonly [Bytes, Bytes] {
  const name = keyword.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return [name, Buffer.from(value, 'base64').toString('latin1')];
}

function attributes(header: RawHeader, pax: ReadonlyMap<Bytes, Bytes>): Attributes {
  const xattrs = new Map<Bytes, Bytes>();
  const acls = new Map<Bytes, Bytes>();
  for (const [keyword, value] of pax) {
    if (keyword.startsWith('LIBARCHIVE.xattr.')) xattrs.set(...libarchiveXattr(keyword.slice(17), value));
  }
  for (const [keyword, value] of pax) {
    if (keyword.startsWith('SCHILY.xattr.')) xattrs.set(keyword.slice(13), value);
    if (keyword.startsWith('SCHILY.acl.')) acls.set(keyword, value);
    // GNU tar has a keyword of its own for SELinux labels.
    if (keyword === 'RHT.security.selinux') xattrs.set('security.selinux', value);
  }
  const number = (keyword: string, plain: number, what = keyword): number => {
    const value = pax.get(keyword);
    return value === undefined ? plain : decimal(value, what);
  };
  const mtime = pax.get('mtime');
  const device = header.flag === '3' || header.flag === '4';
  return {
    mode: header.mode,
    uid: number('uid', header.uid),
    gid: number('gid', header.gid),
    mtime: mtime === undefined ? BigInt(header.mtime) * 1_000_000_000n : parseTime(mtime),
    major: device ? number('SCHILY.devmajor', header.major, 'a device') : 0,
    minor: device ? number('SCHILY.devminor', header.minor, 'a device') : 0,
    xattrs,
    acls,
  };
}

function entryType({ flag }: RawHeader, name: Bytes): EntryType {
  const type = TYPES[flag];
  if (type === undefined) {
    throw new BadArchive(`${printable(name)} is of an unknown type, ${JSON.stringify(flag)}`);
  }
  // Unix V7 had no type for directories.
  return (flag === '0' || flag === '\0') && name.endsWith('/') ? 'directory' : type;
}

/** Reads a member after its headers; `next` is the position of the following header. */
async function readMember(
  source: RandomAccess,
  block: Buffer,
  header: RawHeader,
  position: number,
  { name, linkname, pax }: Extended,
): Promise<{ readonly entry: TarEntry; readonly next: number }> {
  // An empty value removes one of an earlier header; but an attribute may be empty.
  const records = new Map([...new Map(pax)].filter(([keyword, value]) => value !== '' || keyword.includes('xattr.')));
  const fullName = records.get('GNU.sparse.name') ?? records.get('path') ?? name ?? header.name;
  const type = entryType(header, fullName);
  const size = records.get('size');
  const stored =
    type === 'file' || header.flag === 'D' ? (size === undefined ? header.size : decimal(size, 'size')) : 0;
  if (stored < 0) throw new BadArchive(`${printable(fullName)} has a negative size`);
  let map: SparseMap | undefined;
  // The map of the old format comes before the data and is not part of its size; that of version 1.0 is.
  let next = position + wholeBlocks(stored);
  if (header.flag === 'S') {
    map = await readOldMap(source, block, position);
    next += map.skip;
  } else if (type === 'file') map = await readPaxMap(source, pax, position);
  if (next > source.size) throw new BadArchive(`the archive ends within ${printable(fullName)}`);
  const data = position + (map?.skip ?? 0);
  const inData = header.flag === 'S' ? stored : stored - (map?.skip ?? 0);
  const whole: SparseMap = { size: stored, runs: [[0, stored]], skip: 0 };
  return {
    next,
    entry: {
      ...attributes(header, records),
      name: fullName,
      type,
      linkname: type === 'link' || type === 'symlink' ? (records.get('linkpath') ?? linkname ?? header.linkname) : '',
      size: type === 'file' ? (map?.size ?? stored) : 0,
      extents: type === 'file' ? layOut(map ?? whole, data, inData) : [],
    },
  };
}

/**
 * Reads the members of a tar archive in their order: ustar, PAX, GNU, star and Unix V7 formats, sparse files of every
 * kind. Contents are skipped, not read; {@link TarEntry.extents} say where they are.
 * @throws BadArchive for what is no archive, or a damaged one
 */
export async function* readTar(archive: RandomAccess): AsyncGenerator<TarEntry> {
  const source = buffered(archive);
  let global: ReadonlyMap<Bytes, Bytes> = new Map();
  let extended: Extended = { pax: [] };
  /** Bytes of extended headers before the next member, and bytes of all members' metadata so far. */
  let ahead = 0;
  let metadata = 0;
  for (let position = 0; position < source.size; ) {
    const block = await readBytes(source, position, BLOCK);
    if (block.length < BLOCK) throw new BadArchive('the archive ends within a header');
    if (isZero(block)) return;
    const header = decodeHeader(block);
    position += BLOCK;
    if ('LKxgXV'.includes(header.flag)) {
      ahead += header.size;
      if (ahead > MAX_HEADER) throw new BadArchive('an extended header is too long');
      const body = await readBytes(source, position, header.size);
      if (body.length < header.size) throw new BadArchive('the archive ends within an extended header');
      position += wholeBlocks(header.size);
      const text = () => textField(body, 0, body.length);
      if (header.flag === 'L') extended.name = text();
      else if (header.flag === 'K') extended.linkname = text();
      else if (header.flag === 'g') {
        global = new Map([...global, ...decodePax(body)]);
        ahead = 0;
        if (global.size > MAX_GLOBAL) throw new BadArchive(`a global header has more than ${MAX_GLOBAL} keywords`);
      } else if (header.flag === 'x' || header.flag === 'X') extended.pax = [...extended.pax, ...decodePax(body)];
      // V is a volume's label and belongs to no member.
      continue;
    }
    const { entry, next } = await readMember(source, block, header, position, {
      ...extended,
      pax: [...global, ...extended.pax],
    });
    extended = { pax: [] };
    ahead = 0;
    position = next;
    metadata += MEMBER_SIZE + metadataSize(entry);
    if (metadata > MAX_METADATA) {
      throw new BadArchive(`${printable(entry.name)}: the archive has too many or too long names and attributes`);
    }
    yield entry;
  }
}

/** Bytes of a member's names, attributes and extents. */
function metadataSize({ name, linkname, xattrs, acls, extents }: TarEntry): number {
  let size = name.length + linkname.length + 32 * extents.length;
  for (const [keyword, value] of [...xattrs, ...acls]) size += keyword.length + value.length;
  return size;
}
