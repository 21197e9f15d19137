import { setImmediate as nextTurn } from 'node:timers/promises';
import { type RandomAccess, readBytes } from '../../model/files/random-access.ts';
import { type Attributes, BadArchive, type Bytes, type Extent, printable, type TarEntry } from '../tar/tar-entry.ts';
import { readTar } from '../tar/tar-read.ts';
import { END_OF_ARCHIVE, encodeMember, padding } from '../tar/tar-write.ts';
import { applyEntry } from './apply-layer.ts';
import { type Content, type Directory, emptyDirectory, type Inode, lookUp, type Tree } from './tree.ts';

/** Steps along paths after which other work gets its turn, some ten milliseconds. */
const TURN = 100_000;
/** The cost of a member beside them, in such steps. */
const STEPS_OF_MEMBER = 20;

/** Bytes of a file that are read at once. */
const CHUNK = 1024 * 1024;

/**
 * Reads the members of all layers, the lowest first, and puts them over each other. Names and attributes are kept in
 * memory, contents are not.
 * @param layers uncompressed tar archives
 * @param signal ends it, within some milliseconds
 * @throws BadArchive with the layer's number where one cannot be read; the operating system's error where a source fails
 */
export async function indexLayers(layers: readonly RandomAccess[], signal?: AbortSignal): Promise<Tree> {
  const tree: Tree = { root: emptyDirectory() };
  let work = 0;
  for (const [layer, source] of layers.entries()) {
    try {
      for await (const entry of readTar(source)) {
        applyEntry(tree, entry, layer);
        work += STEPS_OF_MEMBER;
        if (work + (tree.steps ?? 0) < TURN) continue;
        // A source in memory, or one that is read ahead, never lets a signal through by itself.
        work = -(tree.steps ?? 0);
        await nextTurn();
        signal?.throwIfAborted();
      }
    } catch (error) {
      if (!(error instanceof BadArchive)) throw error;
      throw new BadArchive(`layer ${layer + 1} of ${layers.length}: ${error.message}`, { cause: error });
    }
  }
  return tree;
}

/** A tree with the layers that hold the contents of its files. */
export interface FileTree {
  readonly layers: readonly RandomAccess[];
  readonly tree: Tree;
}

/** A file as it is written. */
export interface FlatEntry {
  readonly entry: TarEntry;
  /** Absent for all but files, and for further names of one file. */
  readonly content?: Content;
}

/** Changes to a tree as it is written. */
export interface FlattenOptions {
  /** Nanoseconds since 1970: no file is newer (https://reproducible-builds.org/specs/source-date-epoch/). */
  readonly latest?: bigint | undefined;
  /** Gives a file other attributes; the path begins with a slash. */
  readonly mapAttributes?: ((path: Bytes, inode: Inode) => Attributes) | undefined;
  /** Leaves a file out, and with a directory everything below it. */
  readonly skip?: ((path: Bytes, inode: Inode) => boolean) | undefined;
  /** How holes are written; see {@link encodeMember}. */
  readonly holes?: 'map' | 'zeros' | undefined;
}

function flatEntry(name: Bytes, inode: Inode, attributes: Attributes): FlatEntry {
  const entry: TarEntry = { ...attributes, name, type: inode.type, linkname: '', size: 0, extents: [] };
  if (inode.type === 'symlink') return { entry: { ...entry, linkname: inode.target } };
  if (inode.type !== 'file') return { entry };
  const { size, extents } = inode.content;
  return { entry: { ...entry, size, extents }, content: inode.content };
}

/**
 * All files of a tree in byte order, each directory before what is in it; the root comes first, as `./`. The first name
 * of a file has its content, further ones are links to it.
 */
export function* flatEntries(tree: Tree, options: FlattenOptions = {}): Generator<FlatEntry> {
  const { latest, mapAttributes, skip } = options;
  const first = new Map<Inode, Bytes>();
  const attributesOf = (path: Bytes, inode: Inode): Attributes => {
    const attributes = mapAttributes ? mapAttributes(path, inode) : inode.attributes;
    return latest !== undefined && attributes.mtime > latest ? { ...attributes, mtime: latest } : attributes;
  };
  function* descend(directory: Directory, prefix: Bytes): Generator<FlatEntry> {
    for (const [name, { inode }] of [...directory.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const path = prefix + name;
      if (skip?.(`/${path}`, inode)) continue;
      const linked = first.get(inode);
      const flat = flatEntry(path, inode, attributesOf(`/${path}`, inode));
      if (linked !== undefined) {
        const bare = { major: 0, minor: 0, xattrs: new Map(), acls: new Map(), size: 0, extents: [] };
        yield { entry: { ...flat.entry, ...bare, type: 'link', linkname: linked } };
        continue;
      }
      yield flat;
      if (inode.type === 'directory') yield* descend(inode, `${path}/`);
      else first.set(inode, path);
    }
  }
  yield flatEntry('./', tree.root, attributesOf('/', tree.root));
  yield* descend(tree.root, '');
}

/**
 * A run of a file's bytes.
 * @throws BadArchive where a layer has become shorter since it was indexed
 */
async function* storedBytes(layers: readonly RandomAccess[], layer: number, extent: Extent): AsyncGenerator<Buffer> {
  for (let done = 0; done < extent.length; ) {
    const length = Math.min(CHUNK, extent.length - done);
    const source = layers[layer];
    const bytes = source && (await readBytes(source, extent.position + done, length));
    if (bytes?.length !== length) throw new BadArchive(`layer ${layer + 1} is shorter than it was`);
    yield bytes;
    done += length;
  }
}

function* zeros(count: number): Generator<Uint8Array> {
  const chunk = new Uint8Array(Math.min(count, CHUNK));
  for (let left = count; left > 0; left -= chunk.length) yield chunk.subarray(0, left);
}

/**
 * All bytes of a file, zeros for its holes.
 * @throws as {@link storedBytes}
 */
export async function* contentBytes(layers: readonly RandomAccess[], content: Content): AsyncGenerator<Uint8Array> {
  let reached = 0;
  for (const extent of content.extents) {
    yield* zeros(extent.offset - reached);
    yield* storedBytes(layers, content.layer, extent);
    reached = extent.offset + extent.length;
  }
  yield* zeros(content.size - reached);
}

/**
 * The first bytes of a file, or all of it where it is shorter.
 * @throws as {@link storedBytes}
 */
export async function contentStart(layers: readonly RandomAccess[], content: Content, length: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let held = 0;
  for await (const piece of contentBytes(layers, content)) {
    pieces.push(piece);
    held += piece.length;
    if (held >= length) break;
  }
  return Buffer.concat(pieces).subarray(0, length);
}

/**
 * A small file of a tree, symbolic links followed.
 * @param max bytes
 * @returns undefined where there is no such file, or a longer one
 * @throws as {@link storedBytes}
 */
export async function readFile({ layers, tree }: FileTree, path: Bytes, max: number): Promise<Buffer | undefined> {
  const inode = lookUp(tree, path);
  if (inode?.type !== 'file' || inode.content.size > max) return undefined;
  return contentStart(layers, inode.content, inode.content.size);
}

/**
 * A tree as one tar archive in chunks. Only its content decides the order and the format of the members.
 * @throws the operating system's error where a source fails
 */
export async function* writeTar(files: FileTree, options?: FlattenOptions): AsyncGenerator<Uint8Array> {
  let small: Uint8Array[] = [];
  let held = 0;
  // Small pieces are joined: a chunk costs the same on its way whatever its size.
  for await (const piece of members(files, options)) {
    const large = piece.length >= CHUNK / 2;
    if (!large) {
      small.push(piece);
      held += piece.length;
    }
    if (held > 0 && (large || held >= CHUNK / 4)) {
      yield Buffer.concat(small);
      small = [];
      held = 0;
    }
    if (large) yield piece;
  }
  if (held > 0) yield Buffer.concat(small);
}

async function* members({ layers, tree }: FileTree, options?: FlattenOptions): AsyncGenerator<Uint8Array> {
  for (const { entry, content } of flatEntries(tree, options)) {
    const { head, pieces, data } = encodeMember(entry, options?.holes);
    yield head;
    if (!content) continue;
    try {
      for (const piece of pieces) {
        if ('zeros' in piece) yield* zeros(piece.zeros);
        else yield* storedBytes(layers, content.layer, piece);
      }
    } catch (error) {
      if (error instanceof BadArchive) throw new BadArchive(`${printable(entry.name)}: ${error.message}`);
      throw error;
    }
    yield padding(data);
  }
  yield END_OF_ARCHIVE;
}
