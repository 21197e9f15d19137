import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type NotOpened, type OpenFile, type OpenResult, readThrough } from '../../model/files/open-file.ts';
import { BLOCK, type Verity } from '../../model/files/verity.ts';
import { singleFlight } from '../single-flight.ts';
import { DigestFolder } from '../store/digest-folder.ts';
import type { StoreServices } from '../store/services.ts';
import { buildTree, checkTree, dataBlocks, emptyLeaves, hashBlocks } from './hash-tree.ts';

/** Bytes hashed at a time: the event loop is free again after about a millisecond. */
const STEP = 64 * BLOCK;
/** Bytes of a root hash: SHA-256. */
const ROOT = 32;

/** The hash tree of one version of an image. */
export interface Tree extends Verity {
  readonly ok: true;
  readonly bytes: Buffer;
}

/** A tree, or the reason why there is none. `small`: an image of one block or none, which no file system is. */
export type TreeResult =
  | Tree
  | { readonly ok: false; readonly reason: NotOpened['reason'] | 'small'; readonly why: string };

/** The hash trees of images, by the images' digests. */
export interface Trees {
  /**
   * The tree of an image, computed once and kept.
   * @throws the operating system's error where the store fails
   */
  get(digest: string): Promise<TreeResult>;
  /**
   * The tree that was computed before; undefined where the image would have to be hashed.
   * @param size of the image, bytes
   */
  stored(digest: string, size: number): Promise<Tree | undefined>;
  /** The parameters of a tree, which are remembered without its bytes. */
  verity(digest: string): Promise<Verity | Exclude<TreeResult, Tree>>;
  /** Removes the trees of images that do not exist any more. */
  collect(exists: (digest: string) => boolean): Promise<void>;
}

/** @param path of the folder that keeps trees across restarts; need not exist */
export function openTrees(
  path: string,
  { record, now }: StoreServices,
  open: (digest: string) => Promise<OpenResult>,
): Trees {
  const folder = new DigestFolder(path);
  const known = new Map<string, Verity>();
  const running = new Map<string, Promise<TreeResult>>();
  // One at a time: hashing must not starve the rest of the daemon.
  let turn: Promise<unknown> = Promise.resolve();

  /** Trees that could not be written to disk. */
  const unkept = new Map<string, Tree>();

  const keep = async (digest: string, tree: Tree): Promise<void> => {
    try {
      await folder.write(digest, withRoot(tree));
    } catch (error) {
      unkept.set(digest, tree);
      const message = `cannot keep a hash tree under ${path} (${(error as Error).message}): it stays in memory`;
      record({ event: 'artifact.tree', level: 'warn', message, digest });
    }
  };

  /** The tree on disk of an image of so many blocks, if it is whole. */
  const read = async (digest: string, blocks: number): Promise<Tree | undefined> => {
    try {
      return await readTree(folder.pathOf(digest), blocks);
    } catch (error) {
      const { code, message: why } = error as NodeJS.ErrnoException;
      const message = `dropped the hash tree ${folder.pathOf(digest)}: ${why}`;
      if (code !== 'ENOENT') record({ event: 'artifact.dropped', level: 'warn', message, digest });
      return undefined;
    }
  };

  const make = async (digest: string): Promise<TreeResult> => {
    const present = unkept.get(digest);
    if (present) return present;
    const opened = await open(digest);
    if (!opened.ok) return opened;
    const { file } = opened;
    try {
      const blocks = dataBlocks(file.size);
      if (blocks < 2) return { ok: false, reason: 'small', why: `an image of ${file.size} bytes has no file system` };
      const kept = await read(digest, blocks);
      if (kept) return kept;
      // It may have got another name meanwhile, and be the same.
      const leaves = (await hashFile(file)) ?? ((await file.renew()) ? await hashFile(file) : undefined);
      if (!leaves) return { ok: false, reason: 'gone', why: 'the image was overwritten while it was hashed' };
      const { rootHash, tree: bytes } = buildTree(leaves);
      const tree: Tree = { ok: true, rootHash, blocks, bytes };
      await keep(digest, tree);
      record({
        event: 'artifact.tree',
        level: 'info',
        message: `hash tree of ${digest}: root hash ${rootHash}, ${blocks} blocks`,
        digest,
      });
      return tree;
    } finally {
      await file.close();
    }
  };

  const get = (digest: string): Promise<TreeResult> =>
    singleFlight(running, digest, () => {
      const result = turn.then(() => make(digest));
      turn = result.catch(() => {});
      return result;
    });

  return {
    get,
    stored: async (digest, size) => unkept.get(digest) ?? (await read(digest, dataBlocks(size))),
    async verity(digest) {
      const before = known.get(digest);
      if (before) return before;
      const tree = await get(digest);
      if (!tree.ok) return tree;
      const { rootHash, blocks } = tree;
      known.set(digest, { rootHash, blocks });
      return { rootHash, blocks };
    },
    async collect(exists) {
      for (const digest of [...known.keys(), ...unkept.keys()]) {
        if (exists(digest)) continue;
        known.delete(digest);
        unkept.delete(digest);
      }
      await folder.collect(now(), exists);
    },
  };
}

/** A tree as it is stored: its root hash follows it, which alone shows damage of the top block. */
const withRoot = ({ bytes, rootHash }: Tree): Buffer => Buffer.concat([bytes, Buffer.from(rootHash, 'hex')]);

/**
 * Reads a kept tree.
 * @throws Error that says why where it is not whole; the operating system's error
 */
async function readTree(file: string, blocks: number): Promise<Tree> {
  // Without a wait: a FIFO would keep a thread of the pool for ever.
  const kept = await readFile(file, { flag: constants.O_NONBLOCK });
  const bytes = kept.subarray(0, -ROOT);
  const rootHash = checkTree(bytes, blocks);
  if (rootHash === undefined || rootHash !== kept.subarray(-ROOT).toString('hex')) {
    throw new Error('it is cut short, damaged, or of another version of Slipway');
  }
  return { ok: true, rootHash, blocks, bytes };
}

/** The digests of a file's blocks; undefined if it changed meanwhile. */
async function hashFile(file: OpenFile): Promise<Buffer | undefined> {
  const leaves = emptyLeaves(dataBlocks(file.size));
  let at = 0;
  const whole = await readThrough(file, STEP, (bytes) => {
    at += hashBlocks(bytes, leaves, at);
  });
  return whole ? leaves : undefined;
}
