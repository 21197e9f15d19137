import { type RandomAccess, readBytes } from '../../model/files/random-access.ts';
import type { Segment } from '../../model/files/segment.ts';
import { BadArchive } from '../tar/tar-entry.ts';
import { readTar } from '../tar/tar-read.ts';
import { labelled } from './choose-image.ts';
import { tarSegments } from './oci-archive.ts';
import { BadImage, type Descriptor, digestHex, imageOf, readIndexes } from './oci-image.ts';

/** Where a member's content lies in the archive, bytes. */
interface Place {
  readonly first: number;
  readonly length: number;
}

/** Members of an archive: more than any image has, and each costs a read. */
const MAX_MEMBERS = 10_000;
/** The longest index or manifest, bytes: the limit of registries (OCI distribution specification 1.1). */
export const LARGEST_DOCUMENT = 4 * 1024 * 1024;
/** Levels of nested indexes. */
const MAX_DEPTH = 3;

/** Whether a member may be one of an image layout, or one that programs write beside it. */
const isOfLayout = (name: string) =>
  /^(?:oci-layout|index\.json|manifest\.json|repositories|blobs(?:\/.*)?|)$/.test(name);
/** With more members of other names it is no image, but perhaps a root file system. */
const MAX_OTHERS = 20;

/**
 * The files of an archive; undefined where their contents are not in one piece each, or a name comes twice.
 * @param maxOthers members that it may have beside those of an image layout
 */
export async function tableOf(archive: RandomAccess, maxOthers = MAX_OTHERS): Promise<Map<string, Place> | undefined> {
  const table = new Map<string, Place>();
  let members = 0;
  let others = 0;
  for await (const { name, type, size, extents } of readTar(archive)) {
    members += 1;
    const plain = name.replace(/^(?:\.?\/)+/, '');
    if (!isOfLayout(plain)) others += 1;
    if (members > MAX_MEMBERS || others > maxOthers) return undefined;
    if (type === 'directory') continue;
    const [only, ...more] = extents;
    const whole = more.length === 0 && (only?.length ?? 0) === size;
    if (type !== 'file' || !whole || table.has(plain)) return undefined;
    table.set(plain, { first: only?.position ?? 0, length: size });
  }
  return table;
}

/**
 * Finds the order in which an archive can be unpacked while it arrives: `oci-layout`, `index.json`, the manifest, the
 * configuration, the layers from the lowest up (of several platforms: all documents, then the layers of each). skopeo
 * and podman write blobs first, in any order. Members of other images are left out.
 * @param label which image is to run
 * @param file what the result calls the archive
 * @returns the archive in that order; undefined where it has it, and for what is no OCI archive with such an image
 * @throws the operating system's error
 */
export async function arrangeArchive<F>(
  archive: RandomAccess,
  label: string,
  file: F,
): Promise<readonly Segment<F>[] | undefined> {
  try {
    const table = await tableOf(archive);
    const order = table && (await orderOf(archive, table, label));
    if (!order || isInOrder(order, table)) return undefined;
    return tarSegments(order.map((name) => ({ name, file, ...(table.get(name) ?? { first: 0, length: 0 }) })));
  } catch (error) {
    // The node that boots it reports what is wrong with it.
    if (error instanceof BadArchive || error instanceof BadImage) return undefined;
    throw error;
  }
}

/** Whether the files of an order come in it, with no other before the last of them. */
function isInOrder(order: readonly string[], table: ReadonlyMap<string, Place>): boolean {
  // A map keeps the order of the archive.
  const names = [...table.keys()];
  return order.every((name, i) => names[i] === name);
}

async function orderOf(
  archive: RandomAccess,
  table: ReadonlyMap<string, Place>,
  label: string,
): Promise<readonly string[] | undefined> {
  const order = new Set<string>(table.has('oci-layout') ? ['oci-layout'] : []);
  const document = async (name: string): Promise<string | undefined> => {
    const place = table.get(name);
    if (!place || place.length > LARGEST_DOCUMENT) return undefined;
    order.add(name);
    return (await readBytes(archive, place.first, place.length)).toString('utf8');
  };
  const blob = ({ digest }: Descriptor) => `blobs/sha256/${digestHex(digest)}`;
  const contents = new Set<string>();
  let whole = true;
  const add = async (descriptor: Descriptor, depth: number): Promise<void> => {
    // Indexes of many that name the same ones over and over would never end.
    if (order.has(blob(descriptor))) return;
    const text = await document(blob(descriptor));
    const nested = text === undefined ? undefined : readIndexes(text);
    if (text === undefined || depth > MAX_DEPTH) whole = false;
    else if (nested) {
      await addPresent(nested, depth + 1);
    } else {
      const { config, layers } = imageOf(text);
      if (table.has(blob(config))) contents.add(blob(config));
      for (const layer of layers) {
        whole &&= table.has(blob(layer));
        contents.add(blob(layer));
      }
    }
  };
  // Of several platforms often only one is in the archive.
  const addPresent = async (listed: readonly Descriptor[], depth: number): Promise<void> => {
    for (const each of listed.filter((each) => table.has(blob(each)))) await add(each, depth);
  };
  const index = await document('index.json');
  if (index === undefined) return undefined;
  await addPresent(labelled(readIndexes(index) ?? [], label), 0);
  return whole && contents.size > 0 ? [...new Set([...order, ...contents])] : undefined;
}
