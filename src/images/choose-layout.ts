import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { tableOf } from './arrange-archive.ts';
import type { ByteSource } from './byte-source.ts';
import { chooseImage } from './choose-image.ts';
import { compressionOf, openLayer } from './layer-files.ts';
import { BadImage, readIndexes } from './oci-image.ts';
import { BadArchive } from './tar-entry.ts';
import { readTar } from './tar-read.ts';
import type { Tools } from './tool-run.ts';

/** What {@link chooseLayout} needs. */
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

async function chooseInFolder(reference: string, path: string, label: string, options: ChooseOptions): Promise<string> {
  // skopeo says what is wrong with one that has none.
  const index = await readFile(join(path, 'index.json'), 'utf8').catch(() => undefined);
  if (index === undefined || !listsSeveral(index)) return reference;
  await symlink(resolve(path, 'blobs'), join(options.work, 'blobs'));
  return writeChosen(options.work, index, label, options.platform);
}

/** Whether an archive has a file, whatever else is in it. */
async function hasMember(archive: ByteSource, wanted: string): Promise<boolean> {
  for await (const { name } of readTar(archive)) if (name.replace(/^\.\//, '') === wanted) return true;
  return false;
}

async function chooseInArchive(path: string, label: string, options: ChooseOptions): Promise<string | undefined> {
  const { work, tools, platform } = options;
  const isPlain = (await compressionOf(path)) === 'none';
  const plain = isPlain ? path : join(work, 'plain.tar');
  const archive = await openLayer(tools, path, plain, () => {});
  try {
    const table = await tableOf(archive, Number.POSITIVE_INFINITY);
    const place = table?.get('index.json');
    if (!table || !place) {
      if (!(await hasMember(archive, 'manifest.json')) || (await hasMember(archive, 'index.json'))) return undefined;
      throw new BadImage(`${path} is a docker-archive: name it docker-archive:${path}`);
    }
    const index = (await archive.read(place.first, place.length)).toString('utf8');
    if (isPlain && !listsSeveral(index)) return undefined;
    await mkdir(join(work, 'blobs/sha256'), { recursive: true });
    for (const [name, { first, length }] of table) {
      if (!/^blobs\/sha256\/[0-9a-f]{64}$/.test(name)) continue;
      const bytes = length === 0 ? [] : createReadStream(plain, { start: first, end: first + length - 1 });
      await pipeline(bytes, createWriteStream(join(work, name), { flags: 'wx' }));
    }
    return await writeChosen(work, index, label, platform);
  } catch (error) {
    if (error instanceof BadArchive) return undefined;
    throw error;
  } finally {
    await archive.close();
  }
}

/** Takes off what a docker-archive is compressed with: skopeo does not always. */
async function unpacked(path: string, { work, tools }: ChooseOptions): Promise<string> {
  if ((await compressionOf(path)) === 'none') return path;
  const plain = join(work, 'plain.tar');
  await (await openLayer(tools, path, plain, () => {})).close();
  return plain;
}

/**
 * Chooses by platform among the images that the index of a layout lists by itself, which skopeo does only in indexes
 * below that; and takes off what an archive is compressed with as a whole.
 * @param reference as skopeo names an image
 * @returns the reference of the image for skopeo to read: the same, or of a layout in the caller's folder
 * @throws BadImage where none fits; ToolFailed for a damaged archive; the operating system's error
 */
export async function chooseLayout(reference: string, options: ChooseOptions): Promise<string> {
  const [, transport, path = '', name] = /^(oci|oci-archive|docker-archive):([^:]+)(?::(.+))?$/s.exec(reference) ?? [];
  if (transport === 'oci') return chooseInFolder(reference, path, name ?? 'latest', options);
  // skopeo says it of what is no file.
  if (transport === undefined || !(await stat(path).catch(() => undefined))?.isFile()) return reference;
  if (transport === 'oci-archive') return (await chooseInArchive(path, name ?? 'latest', options)) ?? reference;
  return `docker-archive:${await unpacked(path, options)}${name === undefined ? '' : `:${name}`}`;
}
