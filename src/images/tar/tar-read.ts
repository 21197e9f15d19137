import { buffered, type RandomAccess, readBytes } from '../../model/files/random-access.ts';
import { type Attributes, BadArchive, type Bytes, type EntryType, printable, type TarEntry } from './tar-entry.ts';
import { BLOCK, decodeHeader, isZero, type RawHeader, textField } from './tar-header.ts';
import { decodePax, type PaxRecords, parseTime } from './tar-pax.ts';
import { layOut, readOldMap, readPaxMap, type SparseMap } from './tar-sparse.ts';

/** The longest extended header or name that is read, bytes: the limit that GNU tar's and Go's readers are near. */
const LONGEST_HEADER = 4 * 1024 * 1024;

/** The most keywords that hold for all members that follow: as many as there are, and some. */
const MOST_GLOBAL = 100;

/** The most that is said of all members of an archive, bytes: names, links, attributes, and what is needed to keep each. */
const MOST_SAID = 1024 * 1024 * 1024;
/** What one member takes besides, bytes. */
const EACH = 500;

const TYPES: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  // A file that is to lie in one piece; nobody heeds that.
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

/** What headers before a member say of it. */
interface Announced {
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

/** What libarchive writes beside or instead of `SCHILY.xattr.`: percent-encoded name, value in base64. */
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
    // What GNU tar calls a label is an attribute like any other.
    if (keyword === 'RHT.security.selinux') xattrs.set('security.selinux', value);
  }
  const uid = pax.get('uid');
  const gid = pax.get('gid');
  const mtime = pax.get('mtime');
  const device = header.flag === '3' || header.flag === '4';
  const major = pax.get('SCHILY.devmajor');
  const minor = pax.get('SCHILY.devminor');
  return {
    mode: header.mode,
    uid: uid === undefined ? header.uid : decimal(uid, 'uid'),
    gid: gid === undefined ? header.gid : decimal(gid, 'gid'),
    mtime: mtime === undefined ? BigInt(header.mtime) * 1_000_000_000n : parseTime(mtime),
    major: device ? (major === undefined ? header.major : decimal(major, 'a device')) : 0,
    minor: device ? (minor === undefined ? header.minor : decimal(minor, 'a device')) : 0,
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

/** Puts a member together from its header and what was announced; `next` is where the following header begins. */
async function readMember(
  source: RandomAccess,
  block: Buffer,
  header: RawHeader,
  position: number,
  { name, linkname, pax }: Announced,
): Promise<{ readonly entry: TarEntry; readonly next: number }> {
  // An empty value takes back what a header before it said; that of an attribute is simply empty.
  const records = new Map([...new Map(pax)].filter(([keyword, value]) => value !== '' || keyword.includes('xattr.')));
  const fullName = records.get('GNU.sparse.name') ?? records.get('path') ?? name ?? header.name;
  const type = entryType(header, fullName);
  const size = records.get('size');
  const stored =
    type === 'file' || header.flag === 'D' ? (size === undefined ? header.size : decimal(size, 'size')) : 0;
  if (stored < 0) throw new BadArchive(`${printable(fullName)} has a negative size`);
  let map: SparseMap | undefined;
  // The map of the old format comes before the data and is not counted with it; that of version 1.0 is part of it.
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
  let announced: Announced = { pax: [] };
  /** Bytes of headers before the member that comes next, and what all members said so far. */
  let ahead = 0;
  let saidInAll = 0;
  for (let position = 0; position < source.size; ) {
    const block = await readBytes(source, position, BLOCK);
    if (block.length < BLOCK) throw new BadArchive('the archive ends within a header');
    if (isZero(block)) return;
    const header = decodeHeader(block);
    position += BLOCK;
    if ('LKxgXV'.includes(header.flag)) {
      ahead += header.size;
      if (ahead > LONGEST_HEADER) throw new BadArchive('an extended header is too long');
      const body = await readBytes(source, position, header.size);
      if (body.length < header.size) throw new BadArchive('the archive ends within an extended header');
      position += wholeBlocks(header.size);
      const text = () => textField(body, 0, body.length);
      if (header.flag === 'L') announced.name = text();
      else if (header.flag === 'K') announced.linkname = text();
      else if (header.flag === 'g') {
        global = new Map([...global, ...decodePax(body)]);
        ahead = 0;
        if (global.size > MOST_GLOBAL) throw new BadArchive(`a global header has more than ${MOST_GLOBAL} keywords`);
      } else if (header.flag === 'x' || header.flag === 'X') announced.pax = [...announced.pax, ...decodePax(body)];
      // V is a volume's label, of no member.
      continue;
    }
    const { entry, next } = await readMember(source, block, header, position, {
      ...announced,
      pax: [...global, ...announced.pax],
    });
    announced = { pax: [] };
    ahead = 0;
    position = next;
    saidInAll += EACH + saidOf(entry);
    if (saidInAll > MOST_SAID)
      throw new BadArchive(`${printable(entry.name)}: the archive says too much of its members`);
    yield entry;
  }
}

/** How much is said of a member, bytes. */
function saidOf({ name, linkname, xattrs, acls, extents }: TarEntry): number {
  let said = name.length + linkname.length + 32 * extents.length;
  for (const [keyword, value] of [...xattrs, ...acls]) said += keyword.length + value.length;
  return said;
}
