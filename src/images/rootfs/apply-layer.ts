import { BadArchive, type Bytes, printable, type TarEntry } from '../tar/tar-entry.ts';
import {
  type Directory,
  emptyDirectory,
  type Inode,
  MAX_PATH,
  pathSteps,
  type Slot,
  type Tree,
  type WalkResult,
  walk,
} from './tree.ts';

/** The prefix of a mark that hides a name of lower layers (OCI image specification 1.1, layer.md, "Whiteouts"). */
const WHITEOUT = '.wh.';
/** The mark in a directory that hides all of its content in lower layers. */
const OPAQUE = '.wh..wh..opq';
/** The prefix of aufs's own files in old layers: no part of the image. */
const AUFS = '.wh..wh.';

/** Removes everything below a directory that this layer did not write. */
function prune(directory: Directory, layer: number): void {
  for (const [name, slot] of directory.children) {
    if (slot.layer < layer) directory.children.delete(name);
    else if (slot.inode.type === 'directory') prune(slot.inode, layer);
  }
}

function whiteOut(tree: Tree, parent: readonly Bytes[], marker: Bytes, layer: number): void {
  const directory = walk(tree, parent)?.directory;
  if (!directory) return;
  if (marker === OPAQUE) prune(directory, layer);
  if (marker.startsWith(AUFS)) return;
  const name = marker.slice(WHITEOUT.length);
  const slot = directory.children.get(name);
  if (!slot) return;
  if (slot.layer < layer) directory.children.delete(name);
  else if (slot.inode.type === 'directory') prune(slot.inode, layer);
}

/** The directory of a path, made where it is missing. All directories on the way count as written by this layer. */
function parentOf(tree: Tree, steps: readonly Bytes[], layer: number): Directory {
  const found = walk(tree, steps, () => ({ inode: emptyDirectory(), layer })) as WalkResult;
  for (const slot of found.slots) slot.layer = layer;
  return found.directory;
}

function makeInode(entry: TarEntry, layer: number): Inode {
  const { mode, uid, gid, mtime, major, minor, xattrs, acls } = entry;
  const attributes = { mode, uid, gid, mtime, major, minor, xattrs, acls };
  switch (entry.type) {
    case 'file':
      return { type: 'file', attributes, content: { layer, size: entry.size, extents: entry.extents } };
    case 'symlink':
      // Linux gives all of them this mode (symlink(7)), whatever the archive has; EROFS would keep another.
      return { type: 'symlink', attributes: { ...attributes, mode: 0o777 }, target: entry.linkname };
    case 'directory':
      return { type: 'directory', attributes, children: new Map() };
    case 'character':
    case 'block':
    case 'fifo':
      return { type: entry.type, attributes };
    case 'link':
      throw new TypeError('a link is no file of its own');
  }
}

/** The file that a hard link names. A symbolic link at the end of the path is not followed. */
function linkTarget(tree: Tree, entry: TarEntry): Inode {
  const steps = pathSteps(entry.linkname);
  const name = steps.pop();
  const inode = name === undefined ? tree.root : walk(tree, steps)?.directory.children.get(name)?.inode;
  const what = () => `${printable(entry.name)} is a hard link to ${printable(entry.linkname)}`;
  if (!inode) throw new BadArchive(`${what()}, which is not there`);
  if (inode.type === 'directory') throw new BadArchive(`${what()}, which is a directory`);
  return inode;
}

/**
 * Applies one member of a layer, as if it were unpacked over the tree: all members of the lowest layer first. Whiteouts
 * hide files of lower layers, never of their own layer, in whatever order its members come.
 * @param layer the layer's number, from 0
 * @throws BadArchive for a hard link to nothing, a path through a file, and names that Linux cannot have
 */
export function applyEntry(tree: Tree, entry: TarEntry, layer: number): void {
  if (entry.name.length > MAX_PATH)
    throw new BadArchive(`the name ${printable(entry.name.slice(0, 60))}... is too long`);
  if (entry.type === 'link' && entry.linkname.length > MAX_PATH) {
    throw new BadArchive(`${printable(entry.name.slice(0, 60))} is a hard link to a name that is too long`);
  }
  if (entry.name.includes('\0') || entry.linkname.includes('\0')) {
    throw new BadArchive(`the name ${printable(entry.name)} has a NUL in it`);
  }
  const steps = pathSteps(entry.name);
  const name = steps.pop();
  if (name === undefined) {
    if (entry.type !== 'directory') throw new BadArchive('the root is no directory');
    tree.root.attributes = makeInode(entry, layer).attributes;
    return;
  }
  // No container's file system has directories with such names, so files below them are no part of the image.
  if (steps.some((step) => step.startsWith(WHITEOUT))) return;
  if (name.startsWith(WHITEOUT)) {
    whiteOut(tree, steps, name, layer);
    return;
  }
  const inode = entry.type === 'link' ? linkTarget(tree, entry) : makeInode(entry, layer);
  const { children } = parentOf(tree, steps, layer);
  const before: Slot | undefined = children.get(name);
  if (before?.inode.type === 'directory' && inode.type === 'directory') {
    before.inode.attributes = inode.attributes;
    before.layer = layer;
  } else children.set(name, { inode, layer });
}
