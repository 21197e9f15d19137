import { type Attributes, BadArchive, type Bytes, type Extent, printable } from '../tar/tar-entry.ts';

/** A file's bytes in one of the layers. */
export interface Content {
  /** The layer's number, from 0 for the lowest. */
  readonly layer: number;
  /** Bytes, holes included. */
  readonly size: number;
  readonly extents: readonly Extent[];
}

/** A file of any type. Two names of one inode are hard links. */
export type Inode = { attributes: Attributes } & (
  | { readonly type: 'directory'; readonly children: Map<Bytes, Slot> }
  | { readonly type: 'file'; readonly content: Content }
  | { readonly type: 'symlink'; readonly target: Bytes }
  | { readonly type: 'character' | 'block' | 'fifo' }
);

export type Directory = Extract<Inode, { type: 'directory' }>;

/** One name in a directory. */
export interface Slot {
  inode: Inode;
  /** The last layer that wrote to it or below it, whose whiteouts spare it. */
  layer: number;
}

/** The merged file tree of some layers. */
export interface Tree {
  readonly root: Directory;
  /** Steps of paths and links that were followed in it so far. */
  steps?: number;
}

/** The longest path that Linux takes, bytes (PATH_MAX, its NUL left out). */
export const MAX_PATH = 4095;

/** The deepest nesting of directories: no path of that length with names of three letters has more. */
const MAX_DEPTH = 1024;

/** The most {@link Tree.steps}; an image of a million files takes some ten million. */
const MAX_STEPS = 100_000_000;

const NO_ATTRIBUTES: Attributes = {
  ...{ mode: 0o755, uid: 0, gid: 0, mtime: 0n, major: 0, minor: 0 },
  ...{ xattrs: new Map(), acls: new Map() },
};

/** The most symbolic links in one path, as Linux has it (path_resolution(7)). */
const MAX_LINKS = 40;

export function emptyDirectory(): Directory {
  return { type: 'directory', children: new Map(), attributes: NO_ATTRIBUTES };
}

/** The steps of a path below the root; `..` goes no higher than that. Lexical: no links are followed. */
export function pathSteps(path: Bytes): Bytes[] {
  const steps: Bytes[] = [];
  for (const step of path.split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(step);
  }
  return steps;
}

/** A directory, and the slots on the way to it below the root. */
export interface WalkResult {
  readonly directory: Directory;
  readonly slots: readonly Slot[];
}

/**
 * Walks to a directory, through symbolic links, none of which leads out of the tree.
 * @param make makes a missing directory; without it, the walk ends there
 * @returns undefined where there is no such directory
 * @throws BadArchive where links go in circles, or where `make` finds a file in a directory's place
 */
export function walk(tree: Tree, steps: readonly Bytes[], make?: () => Slot): WalkResult | undefined {
  // Reversed: popping the next step off the end moves no others.
  const todo = [...steps].reverse();
  let path: { readonly directory: Directory; readonly slot?: Slot }[] = [{ directory: tree.root }];
  let links = 0;
  while (todo.length > 0) {
    const step = todo.pop() ?? '';
    tree.steps = (tree.steps ?? 0) + 1;
    if (tree.steps > MAX_STEPS) throw new BadArchive('its links are too long and too many to be followed');
    if (step === '' || step === '.') continue;
    if (step === '..') {
      if (path.length > 1) path.pop();
      continue;
    }
    const here = path.at(-1)?.directory ?? tree.root;
    let slot = here.children.get(step);
    if (!slot) {
      if (!make) return undefined;
      slot = make();
      here.children.set(step, slot);
    }
    const { inode } = slot;
    if (inode.type === 'symlink') {
      links += 1;
      if (links > MAX_LINKS) throw new BadArchive(`${printable(steps.join('/'))}: symbolic links lead in circles`);
      if (inode.target.length > MAX_PATH) {
        throw new BadArchive(`${printable(steps.join('/'))}: the target of a symbolic link is too long`);
      }
      if (inode.target.startsWith('/')) path = [{ directory: tree.root }];
      todo.push(...inode.target.split('/').reverse());
    } else if (inode.type === 'directory') {
      path.push({ directory: inode, slot });
      if (path.length > MAX_DEPTH) throw new BadArchive(`directories lie in each other ${MAX_DEPTH} deep`);
    } else if (make) throw new BadArchive(`${printable(steps.join('/'))}: ${printable(step)} is no directory`);
    else return undefined;
  }
  return {
    directory: path.at(-1)?.directory ?? tree.root,
    slots: path.flatMap(({ slot }) => (slot ? [slot] : [])),
  };
}

/**
 * The file of a path, all symbolic links followed within the tree.
 * @returns undefined where there is none
 */
export function lookUp(tree: Tree, path: Bytes): Inode | undefined {
  let steps: readonly Bytes[] = path.split('/');
  for (let links = 0; links <= MAX_LINKS; links++) {
    const name = steps.at(-1);
    if (name === undefined || name === '' || name === '.' || name === '..') return walk(tree, steps)?.directory;
    const parent = steps.slice(0, -1);
    const inode = walk(tree, parent)?.directory.children.get(name)?.inode;
    if (inode?.type !== 'symlink') return inode;
    steps = [...(inode.target.startsWith('/') ? [] : parent), ...inode.target.split('/')];
  }
  return undefined;
}

/** The names in a directory, in byte order; none where there is no such directory. */
export function listNames(tree: Tree, path: Bytes): readonly Bytes[] {
  const directory = walk(tree, path.split('/'))?.directory;
  return directory ? [...directory.children.keys()].sort() : [];
}
