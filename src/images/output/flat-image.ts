import { open } from 'node:fs/promises';
import type { RandomAccess } from '../../model/files/random-access.ts';
import { contentBytes, type FileTree, type FlattenOptions, flatEntries } from '../rootfs/flatten.ts';
import { labelled, readPolicy } from '../rootfs/selinux-policy.ts';
import type { Content } from '../rootfs/tree.ts';
import type { FetchedImage } from '../store/fetch-image.ts';
import { dropImpossible } from './format-limits.ts';

/** An image's layers as one file tree, and how that is written. */
export interface FlatImage extends FileTree {
  readonly image: FetchedImage;
  /** The time that a build of it names as its own, seconds since 1970. */
  readonly epoch: number;
  readonly flatten: FlattenOptions;
  /** The name of the SELinux policy that labels the files. */
  readonly policy: string | undefined;
  /** Lines for people: parts of the image that no file system can hold. */
  readonly notes: readonly string[];
}

const SECOND = 1_000_000_000n;

/**
 * Takes out of an image's tree what no file system can hold, and decides labels and times of its files.
 * @param epoch seconds since 1970 that no file is newer than; undefined for the times of the image
 * @throws BadImage for an SELinux policy that is not understood
 */
export async function flatImage(image: FetchedImage, files: FileTree, epoch?: number): Promise<FlatImage> {
  const notes = dropImpossible(files.tree);
  let newest = image.created === undefined ? 0 : Math.floor(Date.parse(image.created) / 1000);
  for (const { entry } of flatEntries(files.tree)) newest = Math.max(newest, Number(entry.mtime / SECOND));
  const policy = await readPolicy(files);
  return {
    ...files,
    ...{ image, policy: policy?.name, notes },
    flatten: {
      latest: epoch === undefined ? undefined : BigInt(epoch) * SECOND,
      mapAttributes: policy && ((path, inode) => labelled(policy, path, inode)),
    },
    epoch: Math.max(0, Math.min(epoch ?? newest, 0xffff_ffff)),
  };
}

/**
 * Writes one file of a tree to disk, in place of what is there.
 * @throws the operating system's error
 */
export async function writeContent(layers: readonly RandomAccess[], content: Content, path: string): Promise<void> {
  const target = await open(path, 'w', 0o644);
  try {
    for await (const bytes of contentBytes(layers, content)) await target.appendFile(bytes);
  } finally {
    await target.close();
  }
}
