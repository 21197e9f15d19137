import type { RandomAccess } from '../../model/files/random-access.ts';
import type { Attributes, Bytes } from '../tar/tar-entry.ts';
import { readFile } from './flatten.ts';
import { createLabeller, type Labeller } from './selinux.ts';
import type { Inode, Tree } from './tree.ts';

/** The attribute that holds a label. */
const ATTRIBUTE = 'security.selinux';

/** The policy that an image has. */
export interface Policy {
  /** Such as `targeted` or `default`. */
  readonly name: string;
  readonly label: Labeller;
}

/** A text file of the image; empty where there is none. Longer ones than any policy's are left alone. */
async function readText(layers: readonly RandomAccess[], tree: Tree, path: Bytes): Promise<string> {
  return (await readFile(layers, tree, path, 64 * 1024 * 1024))?.toString('latin1') ?? '';
}

/**
 * Reads the policy's file contexts, where the image has one.
 * @throws BadImage for what is not understood of them
 */
export async function readPolicy(layers: readonly RandomAccess[], tree: Tree): Promise<Policy | undefined> {
  const config = await readText(layers, tree, 'etc/selinux/config');
  const name = /^\s*SELINUXTYPE\s*=\s*([\w.-]+)/m.exec(config)?.[1];
  if (name === undefined) return undefined;
  const read = (suffix: string) => readText(layers, tree, `etc/selinux/${name}/contexts/files/file_contexts${suffix}`);
  const main = await read('');
  if (main === '') return undefined;
  const contexts = [main, await read('.homedirs'), await read('.local')];
  return { name, label: createLabeller(contexts, [await read('.subs'), await read('.subs_dist')]) };
}

/** The attributes of a file with the policy's label; a file for which it has none loses what it had. */
export function labelled({ label }: Policy, path: Bytes, { type, attributes }: Inode): Attributes {
  const xattrs = new Map(attributes.xattrs);
  const context = label(path, type);
  // libselinux writes the NUL too, and compares with it.
  if (context === undefined) xattrs.delete(ATTRIBUTE);
  else xattrs.set(ATTRIBUTE, `${context}\0`);
  return { ...attributes, xattrs };
}
