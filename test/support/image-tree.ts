import { createHash } from 'node:crypto';
import { flatEntries, indexLayers, writeTar } from '../../src/images/rootfs/flatten.ts';
import type { Tree } from '../../src/images/rootfs/tree.ts';
import { memoryFile, type RandomAccess } from '../../src/model/files/random-access.ts';
import { type Member, makeTar } from './image-layers.ts';

/** Layers of members as sources. */
export function makeLayers(...layers: readonly (readonly Member[])[]): RandomAccess[] {
  return layers.map((members) => memoryFile(makeTar(members)));
}

/** What flattening layers gives: path to a short description, content included; links name what they lead to. */
export async function flattened(...layers: readonly (readonly Member[])[]): Promise<Record<string, string>> {
  const sources = makeLayers(...layers);
  return describeTree(sources, await indexLayers(sources));
}

/** One line for each file of a tree, without the root. */
export function describeTree(sources: readonly RandomAccess[], tree: Tree): Promise<Record<string, string>> {
  const lines = [...flatEntries(tree)].slice(1).map(async ({ entry, content }) => {
    const bytes = Buffer.alloc(entry.size);
    for (const { position, offset, length } of content?.extents ?? []) {
      await sources[content?.layer ?? 0]?.read(bytes.subarray(offset, offset + length), position);
    }
    const shown = bytes.length > 40 ? createHash('sha256').update(bytes).digest('hex') : bytes.toString('latin1');
    const more = entry.type === 'file' ? shown : entry.linkname;
    return [entry.name, more === '' ? entry.type : `${entry.type} ${more}`] as const;
  });
  return Promise.all(lines).then((all) => Object.fromEntries(all));
}

/** A tree as one archive. */
export async function archiveOf(sources: readonly RandomAccess[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar({ layers: sources, tree: await indexLayers(sources) })) pieces.push(piece);
  return Buffer.concat(pieces);
}
