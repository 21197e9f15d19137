import { type Attributes, BadArchive, type Bytes, type Extent, printable } from '../tar/tar-entry.ts';

/** A file's bytes in one of the layers. */
export interface Content {
  /** Which layer, from 0 for the lowest. */
  readonly layer: number;
  /** Bytes, holes included. */
  readonly size: number;
  readonly extents: readonly Extent[];
}

/** What names in directories stand for; two names for one are hard links. */
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
  /** The last layer that wrote to it or below it: its own whiteouts spare it. */
  layer: number;
}

/** A file system as its layers make it. */
export interface Tree {
  readonly root: Directory;
  /** Steps that were taken so far to follow paths and links in it. */
  steps?: number;
}

/** The longest path that Linux takes, bytes (PATH_MAX, its NUL left out). */
export const MAX_PATH = 4095;

/** The most directories in each other: more than a path of that length has names of two letters. */
const MAX_DEPTH = 1024;

/** The most steps in one tree, links among them; an image of a million files takes some ten million. */
const MAX_STEPS = 100_000_000;

const NO_ATTRIBUTES: Attributes = {
  ...{ mode: 0o755, uid: 0, gid: 0, mtime: 0n, major: 0, minor: 0 },
  ...{ xattrs: new Map(), acls: new Map() },
};

/** As Linux: how many symbolic links may follow from one another in one path (path_resolution(7)). */
const MAX_LINKS = 40;

export function emptyDirectory(): Directory {
  return { type: 'directory', children: new Map(), attributes: NO_ATTRIBUTES };
}

export function emptyTree(): Tree {
  return { root: emptyDirectory() };
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

/** A directory with the slots that lead to it, the root's own excepted. */
export interface Located {
  readonly directory: Directory;
  readonly slots: readonly Slot[];
}

/**
 * Walks to a directory, through symbolic links, none of which leads out of the tree.
 * @param make called for what is not there, to make it; without it the walk ends there
 * @returns undefined where there is no such directory
 * @throws BadArchive where links go in circles, or where a file would have to be a directory for `make`
 */
export function walk(tree: Tree, steps: readonly Bytes[], make?: () => Slot): Located | undefined {
  // The next one last: from there it is taken without moving the others.
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
 * What a path stands for, symbolic links followed to their end, in the tree.
 * @returns undefined where there is nothing
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
