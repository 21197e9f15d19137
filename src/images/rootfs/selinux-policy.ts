import type { Attributes, Bytes } from '../tar/tar-entry.ts';
import { type FileTree, readFile } from './flatten.ts';
import { createLabeller, type Labeller } from './selinux.ts';
import type { Inode } from './tree.ts';

/** The attribute that holds a label. */
const ATTRIBUTE = 'security.selinux';

/** An image's SELinux policy. */
export interface Policy {
  /** Such as `targeted` or `default`. */
  readonly name: string;
  readonly label: Labeller;
}

/** More than any file of a policy has, bytes. */
const MAX_FILE = 64 * 1024 * 1024;

/**
 * Reads the file contexts of an image's policy.
 * @returns undefined where it has none
 * @throws BadImage for a line that is not understood
 */
export async function readPolicy(files: FileTree): Promise<Policy | undefined> {
  const readText = async (path: Bytes) => (await readFile(files, path, MAX_FILE))?.toString('latin1') ?? '';
  const config = await readText('etc/selinux/config');
  const name = /^\s*SELINUXTYPE\s*=\s*([\w.-]+)/m.exec(config)?.[1];
  if (name === undefined) return undefined;
  const read = (suffix: string) => readText(`etc/selinux/${name}/contexts/files/file_contexts${suffix}`);
  const main = await read('');
  if (main === '') return undefined;
  const contexts = [main, await read('.homedirs'), await read('.local')];
  return { name, label: createLabeller(contexts, [await read('.subs'), await read('.subs_dist')]) };
}

/** The attributes of a file with the policy's label; where the policy has none, the file has no label either. */
export function labelled({ label }: Policy, path: Bytes, { type, attributes }: Inode): Attributes {
  const xattrs = new Map(attributes.xattrs);
  const context = label(path, type);
  // libselinux writes the NUL too, and compares labels with it.
  if (context === undefined) xattrs.delete(ATTRIBUTE);
  else xattrs.set(ATTRIBUTE, `${context}\0`);
  return { ...attributes, xattrs };
}
