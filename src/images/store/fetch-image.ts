import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, copyFile, link, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { arch, homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DigestFolder } from '../../artifacts/store/digest-folder.ts';
import { platformsOf } from '../oci/choose-image.ts';
import {
  BadImage,
  configOf,
  type Descriptor,
  digestHex,
  type OciImage,
  readImage,
  readIndex,
  readIndexes,
} from '../oci/oci-image.ts';
import { nodesUndo } from '../tools/compression.ts';
import { compressionOf, hashFile, innerCompressionOf, openLayer } from '../tools/layer-files.ts';
import { ToolFailed, type Tools } from '../tools/tool-run.ts';
import { chooseLayout } from './choose-layout.ts';
import { layersSize } from './declared-size.ts';
import { type FetchWatch, watchFetch } from './fetch-watch.ts';
import type { ImageSource } from './source.ts';

/** Settings of {@link fetchImage}. */
export interface FetchOptions {
  readonly source: ImageSource;
  /** The folder of blobs for this build and the next: `sha256/` and their digests. */
  readonly blobs: string;
  /** An empty folder on the same file system, the caller's own. */
  readonly work: string;
  /** As Go spells it, with a variant or not (`arm/v7`); undefined for that of this machine. */
  readonly architecture: string | undefined;
  /** Allows a registry plain HTTP, or a certificate that no authority signed. */
  readonly insecure: boolean;
  readonly tools: Tools;
  /** Gets the number of bytes that arrived. */
  readonly progress: (bytes: number) => void;
  /** For tests: instead of 60 s without a byte from a registry, after which skopeo itself would still wait. */
  readonly patienceMs?: number;
}

/** How long a registry may send nothing, milliseconds. */
const PATIENCE_MS = 60_000;

const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';

const blobsOf = ({ blobs }: FetchOptions): DigestFolder => new DigestFolder(join(blobs, 'sha256'));

const exists = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined;

/** skopeo needs a policy on signatures; where the machine has none, the one that Debian ships applies. */
async function policy(): Promise<readonly string[]> {
  for (const file of [join(homedir(), '.config/containers/policy.json'), '/etc/containers/policy.json'])
    if (await exists(file)) return [];
  return ['--insecure-policy'];
}

/**
 * Variables for skopeo. Without a folder of the user's session it looks for credentials below /run/containers, and fails
 * where root's Podman keeps that to itself (containers-auth.json(5)).
 * @param folder without credentials
 */
async function withoutRootsFolder(folder: string): Promise<Readonly<Record<string, string>>> {
  if (process.env.XDG_RUNTIME_DIR !== undefined) return {};
  const isClosed = await access('/run/containers', constants.X_OK).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === 'EACCES',
  );
  return isClosed ? { XDG_RUNTIME_DIR: folder } : {};
}

/** The fetched image, and the watcher of its progress. */
interface Arrived {
  readonly descriptor: Descriptor;
  readonly watch?: FetchWatch;
}

/** Lists the platforms of an index that has no image for the wanted one, which skopeo does not. */
async function explain(error: unknown, platform: string, inspect: () => Promise<string>): Promise<unknown> {
  if (!(error instanceof ToolFailed) || !/no image found in \S* ?(?:image index|manifest list)/.test(error.message))
    return error;
  const there = platformsOf(readIndexes(await inspect()) ?? []);
  return new BadImage(`the image is not for linux/${platform}, but for ${there}`, { cause: error });
}

async function bySkopeo(reference: string, options: FetchOptions): Promise<Arrived> {
  const { blobs, work, architecture, insecure, tools, progress } = options;
  const layout = join(work, 'layout');
  const chosen = join(work, 'chosen');
  for (const folder of [layout, chosen]) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
  }
  const platform = architecture ?? hostArchitecture();
  const from = await chooseLayout(reference, { work: chosen, platform, tools });
  const [name = '', variant] = platform.split('/');
  // An archive on a disk may take long to be unpacked.
  const remote = reference.startsWith('docker://');
  const patience = remote ? (options.patienceMs ?? PATIENCE_MS) : Number.POSITIVE_INFINITY;
  const general = [
    ...(await policy()),
    ...['--override-os', 'linux', ...(architecture === undefined ? [] : ['--override-arch', name])],
    ...(variant === undefined ? [] : ['--override-variant', variant]),
  ];
  const tls = insecure ? ['--tls-verify=false'] : [];
  const watch = await watchFetch(layout, blobsOf(options), progress, patience);
  const signal = watch.givenUp;
  const env = await withoutRootsFolder(work);
  const skopeo = (...args: readonly string[]) => tools.run('skopeo', [...general, ...args], { signal, env });
  const inspect = (each: string) => skopeo('inspect', '--raw', ...tls, each);
  try {
    if (remote) watch.expect(await layersSize(from, platform, inspect));
    const shared = ['--dest-shared-blob-dir', blobs, ...(insecure ? ['--src-tls-verify=false'] : [])];
    await skopeo('copy', '--quiet', ...shared, from, `oci:${layout}:image`);
  } catch (error) {
    watch.givenUp.throwIfAborted();
    throw await explain(error, platform, () => inspect(from));
  } finally {
    watch.stop();
    await rm(chosen, { recursive: true });
  }
  return { descriptor: readIndex(await readFile(join(layout, 'index.json'), 'utf8')), watch };
}

/** The digest (`sha256:` and 64 hex digits) and the bytes of a blob. */
type Kept = Pick<Descriptor, 'digest' | 'size'>;

/** Moves a file of the caller's own to the blobs. */
async function keepFile(path: string, options: FetchOptions): Promise<Kept> {
  const { digest, size } = await hashFile(path);
  await rename(path, blobsOf(options).pathOf(digest));
  return { digest: `sha256:${digest}`, size };
}

async function keepJson(value: unknown, options: FetchOptions): Promise<Kept> {
  const path = join(options.work, 'document.json');
  await writeFile(path, JSON.stringify(value));
  return keepFile(path, options);
}

/** Compresses a file to a blob, as layers are compressed. */
async function keepZstd(plain: string, options: FetchOptions): Promise<Descriptor> {
  const layer = join(options.work, 'layer.zst');
  const from = await open(plain, 'r');
  const to = await open(layer, 'wx');
  try {
    await options.tools.run('zstd', ['-q', '-c', '-T0', '-3'], { inputFile: from.fd, output: to.fd, sees: {} });
  } finally {
    await Promise.all([from.close(), to.close()]);
  }
  return { mediaType: `${LAYER_TYPE}+zstd`, ...(await keepFile(layer, options)) };
}

/** Makes an image of a tar archive as its only layer, compressed anew unless it is compressed as layers may be. */
async function byTar(path: string, options: FetchOptions): Promise<Arrived> {
  const { work, tools } = options;
  const how = await compressionOf(path);
  const copy = join(work, 'archive');
  const plain = join(work, 'plain.tar');
  await copyFile(path, copy);
  const opened = await openLayer(tools, copy, plain, options.progress);
  await opened.close();
  const uncompressed = how === 'none' ? copy : plain;
  const diffId = `sha256:${(await hashFile(uncompressed)).digest}`;
  const keeps = how === 'gzip' || how === 'zstd';
  const layers = [
    keeps
      ? { mediaType: `${LAYER_TYPE}+${how}`, ...(await keepFile(copy, options)) }
      : await keepZstd(uncompressed, options),
  ];
  await Promise.all([rm(copy, { force: true }), rm(plain, { force: true })]);
  const [architecture, variant] = (options.architecture ?? hostArchitecture()).split('/');
  const rootfs = { type: 'layers', diff_ids: [diffId] };
  const config = {
    mediaType: CONFIG_TYPE,
    ...(await keepJson({ architecture, variant, os: 'linux', config: {}, rootfs }, options)),
  };
  const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers };
  return { descriptor: { mediaType: MANIFEST_TYPE, ...(await keepJson(manifest, options)) } };
}

/** This machine's architecture as Go spells it. */
export function hostArchitecture(): string {
  const names: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };
  return names[arch()] ?? arch();
}

/** Links a blob into the caller's own folder, from where no collection removes it, and checks it. */
async function take(digest: string, options: FetchOptions): Promise<void> {
  const hex = digestHex(digest);
  const own = join(options.work, 'blobs', hex);
  const kept = blobsOf(options).pathOf(hex);
  await link(kept, own).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  if ((await hashFile(own)).digest !== hex) throw await damaged(digest, kept);
}

/** How often a document is read that another build may be writing. */
const TRIES = 10;
/** The time between two such tries, milliseconds. */
const PAUSE_MS = 50;

/**
 * Copies a manifest or configuration into the caller's own folder, and reads it. No link: skopeo writes a manifest in
 * its place, so that for a moment another build's would be empty.
 */
async function takeDocument(digest: string, options: FetchOptions): Promise<string> {
  const hex = digestHex(digest);
  const own = join(options.work, 'blobs', hex);
  const kept = blobsOf(options).pathOf(hex);
  for (let tries = 1; ; tries++) {
    await copyFile(kept, own);
    if ((await hashFile(own)).digest === hex) return readFile(own, 'utf8');
    if (tries === TRIES) throw await damaged(digest, kept);
    await setTimeout(PAUSE_MS);
  }
}

/** Removes a damaged blob, so that the next build fetches it anew. */
async function damaged(digest: string, kept: string): Promise<BadImage> {
  await rm(kept, { force: true });
  return new BadImage(`blob ${digest} was damaged on disk and is removed: build again`);
}

/** An image whose blobs are on disk. */
export interface FetchedImage extends OciImage {
  /** The file of a blob, in the caller's folder. */
  file(digest: string): string;
}

/**
 * Compresses anew the layers that nodes cannot decompress, so that they can unpack the image's OCI archive.
 * @param manifestText the image's manifest
 */
async function convertLayers(image: FetchedImage, manifestText: string, options: FetchOptions): Promise<OciImage> {
  const { work, tools } = options;
  const layers: Descriptor[] = [];
  for (const layer of image.layers) {
    const file = image.file(layer.digest);
    const isTwice = (await innerCompressionOf(file)) !== 'none';
    if (!isTwice && nodesUndo(await compressionOf(file))) {
      layers.push(layer);
      continue;
    }
    const [once, plain] = [join(work, 'once.tar'), join(work, 'plain.tar')];
    await (await openLayer(tools, file, once, () => {})).close();
    if (isTwice) await (await openLayer(tools, once, plain, () => {})).close();
    const converted = await keepZstd(isTwice ? plain : once, options);
    await Promise.all([rm(once), rm(plain, { force: true })]);
    await take(converted.digest, options);
    layers.push(converted);
  }
  if (layers.every((layer, i) => layer === image.layers[i])) return image;
  const kept = await keepJson({ ...(JSON.parse(manifestText) as object), layers }, options);
  await takeDocument(kept.digest, options);
  return { ...image, layers, manifest: { ...image.manifest, ...kept } };
}

async function fetchOnce(options: FetchOptions): Promise<FetchedImage> {
  const { source, work, architecture } = options;
  await mkdir(join(work, 'blobs'), { recursive: true });
  const { descriptor, watch } =
    source.kind === 'tar' ? await byTar(source.path, options) : await bySkopeo(source.reference, options);
  const manifest = await takeDocument(descriptor.digest, options);
  const config = await takeDocument(configOf(manifest).digest, options);
  const image = readImage(descriptor, manifest, config);
  // An index is searched for the architecture; a single image comes whatever it is for.
  if (architecture !== undefined && image.architecture !== architecture.split('/')[0]) {
    throw new BadImage(`the image is for ${image.architecture || 'an unknown architecture'}, not for ${architecture}`);
  }
  watch?.finish(image.layers);
  for (const { digest, mediaType } of image.layers) {
    // skopeo leaves such layers out silently.
    if (!/nondistributable|foreign/.test(mediaType) || (await exists(blobsOf(options).pathOf(digestHex(digest)))))
      continue;
    throw new BadImage(
      `layer ${digest} is elsewhere, not with the image (${mediaType}): build the image with all layers`,
    );
  }
  for (const { digest } of image.layers) await take(digest, options);
  const file = (digest: string) => join(work, 'blobs', digestHex(digest));
  return { ...(await convertLayers({ ...image, file }, manifest, options)), file };
}

/**
 * Fetches an image; blobs that are on disk are not fetched again.
 * @throws BadImage, ToolFailed and MissingTool; the operating system's error
 */
export async function fetchImage(options: FetchOptions): Promise<FetchedImage> {
  await blobsOf(options).make();
  try {
    return await fetchOnce(options);
  } catch (error) {
    // A collection that began before this build may have removed a blob that was found here.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return await fetchOnce(options);
  }
}

/** A UUID made of a text's SHA-256, for file systems that need one (RFC 9562 section 5.8). */
export function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  // Version 8, and the variant of that RFC.
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
