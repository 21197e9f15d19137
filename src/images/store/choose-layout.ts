import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type RandomAccess, type RandomAccessFile, readBytes } from '../../model/files/random-access.ts';
import { LARGEST_DOCUMENT, tableOf } from '../oci/arrange-archive.ts';
import { chooseImage } from '../oci/choose-image.ts';
import { BadImage, digestHex, readIndexes } from '../oci/oci-image.ts';
import { BadArchive } from '../tar/tar-entry.ts';
import { readTar } from '../tar/tar-read.ts';
import { compressionOf, openLayer } from '../tools/layer-files.ts';
import type { Tools } from '../tools/tool-run.ts';

/** Settings of {@link chooseLayout}. */
export interface ChooseOptions {
  /** An empty folder of the caller's own. */
  readonly work: string;
  /** As Go spells it, with a variant or not. */
  readonly platform: string;
  readonly tools: Tools;
}

/** Writes a layout with one image of an index. @returns the reference to it */
async function writeChosen(folder: string, index: string, label: string, platform: string): Promise<string> {
  const { mediaType, digest, size } = chooseImage(readIndexes(index) ?? [], label, platform);
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest, size }] }),
  );
  return `oci:${folder}`;
}

const listsSeveral = (index: string): boolean => (readIndexes(index) ?? []).length > 1;

/** Checks the blobs that index.json names: skopeo checks only those below them. @throws BadImage */
async function mustMatch(index: string, read: (name: string) => Promise<Buffer | undefined>): Promise<void> {
  for (const { digest } of readIndexes(index) ?? []) {
    const bytes = await read(`blobs/sha256/${digestHex(digest)}`);
    if (bytes !== undefined && createHash('sha256').update(bytes).digest('hex') !== digestHex(digest))
      throw new BadImage(`blob ${digest} of the image is damaged, its digest is wrong: get the image anew`);
  }
}

async function chooseInFolder(reference: string, path: string, label: string, options: ChooseOptions): Promise<string> {
  // skopeo reports a layout without an index.
  const index = await readFile(join(path, 'index.json'), 'utf8').catch(() => undefined);
  if (index === undefined) return reference;
  await mustMatch(index, (name) => readFile(join(path, name)).catch(() => undefined));
  if (!listsSeveral(index)) return reference;
  await symlink(resolve(path, 'blobs'), join(options.work, 'blobs'));
  return writeChosen(options.work, index, label, options.platform);
}

/** Tells whether an archive has a file of that name. */
async function hasMember(archive: RandomAccess, wanted: string): Promise<boolean> {
  for await (const { name } of readTar(archive)) if (name.replace(/^\.\//, '') === wanted) return true;
  return false;
}

/** An archive that is open, uncompressed; `plain` is its file, `isPlain` whether that is the one that was given. */
interface Opened {
  readonly archive: RandomAccessFile;
  readonly plain: string;
  readonly isPlain: boolean;
}

async function openArchive(path: string, { work, tools }: ChooseOptions): Promise<Opened> {
  const isPlain = (await compressionOf(path)) === 'none';
  const plain = isPlain ? path : join(work, 'plain.tar');
  return { archive: await openLayer(tools, path, plain, () => {}), plain, isPlain };
}

/** Refuses an archive that has the index of the other kind of archive. */
async function mustHave(
  path: string,
  archive: RandomAccess,
  index: string,
  other: string,
  right: string,
): Promise<void> {
  if ((await hasMember(archive, index)) || !(await hasMember(archive, other))) return;
  throw new BadImage(`${path} is of another kind: name it ${right}:${path}`);
}

async function chooseInArchive(path: string, label: string, opened: Opened, options: ChooseOptions) {
  const { work, platform } = options;
  const { archive, plain, isPlain } = opened;
  await mustHave(path, archive, 'index.json', 'manifest.json', 'docker-archive');
  const table = await tableOf(archive, Number.POSITIVE_INFINITY);
  const place = table?.get('index.json');
  if (!table || !place) return undefined;
  const index = (await readBytes(archive, place.first, place.length)).toString('utf8');
  await mustMatch(index, async (name) => {
    const blob = table.get(name);
    return blob && readBytes(archive, blob.first, Math.min(blob.length, LARGEST_DOCUMENT));
  });
  if (isPlain && !listsSeveral(index)) return undefined;
  await mkdir(join(work, 'blobs/sha256'), { recursive: true });
  for (const [name, { first, length }] of table) {
    if (!/^blobs\/sha256\/[0-9a-f]{64}$/.test(name)) continue;
    const bytes = length === 0 ? [] : createReadStream(plain, { start: first, end: first + length - 1 });
    await pipeline(bytes, createWriteStream(join(work, name), { flags: 'wx' }));
  }
  return writeChosen(work, index, label, platform);
}

/**
 * Chooses by platform among the images in a layout's index.json, which skopeo does only in indexes below it; and
 * decompresses an archive that is compressed as a whole.
 * @param reference an image as skopeo names it
 * @returns the reference for skopeo to read: the same, or of a layout in the caller's folder
 * @throws BadImage where none fits; ToolFailed for a damaged archive; the operating system's error
 */
export async function chooseLayout(reference: string, options: ChooseOptions): Promise<string> {
  const [, transport, path = '', name] = /^(oci|oci-archive|docker-archive):([^:]+)(?::(.+))?$/s.exec(reference) ?? [];
  if (transport === 'oci') return chooseInFolder(reference, path, name ?? 'latest', options);
  // skopeo reports a path without a file.
  if (transport === undefined || !(await stat(path).catch(() => undefined))?.isFile()) return reference;
  const opened = await openArchive(path, options);
  try {
    if (transport === 'oci-archive')
      return (await chooseInArchive(path, name ?? 'latest', opened, options)) ?? reference;
    await mustHave(path, opened.archive, 'manifest.json', 'index.json', 'oci-archive');
    return `docker-archive:${opened.plain}${name === undefined ? '' : `:${name}`}`;
  } catch (error) {
    // skopeo reports a damaged archive.
    if (error instanceof BadArchive) return reference;
    throw error;
  } finally {
    await opened.archive.close();
  }
}
