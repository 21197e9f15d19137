import { constants } from 'node:fs';
import { lstat, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildManifest, type BuiltSource, parseManifest } from './manifest.ts';
import { currentBuild, NameTaken, namesIn, removeAbandoned, type StorePaths } from './publish.ts';

/** How long a build that no name stands for stays: scripts that named its files may still be followed. */
const GRACE_MS = 60 * 60 * 1000;

/** An image that was built. */
export interface BuiltImage {
  readonly name: string;
  /** The digest of the manifest, which names the build. */
  readonly id: string;
  readonly manifest: BuildManifest;
  /** When it was built, milliseconds since 1970. */
  readonly built: number;
}

/** Reads a built image; undefined where a name stands for none. */
export async function readImage(places: StorePaths, name: string): Promise<BuiltImage | undefined> {
  const id = await currentBuild(places, name);
  if (id === undefined) return undefined;
  const file = join(places.builds, id, 'manifest.json');
  const manifest = await readManifest(file);
  return manifest && { name, id, manifest, built: (await stat(join(places.builds, id))).mtimeMs };
}

async function readManifest(file: string): Promise<BuildManifest | undefined> {
  try {
    // Without a wait: a FIFO would keep a thread of the pool for ever.
    return parseManifest(await readFile(file, { encoding: 'utf8', flag: constants.O_NONBLOCK }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** All images that were built, by name. */
export async function listImages(places: StorePaths): Promise<readonly BuiltImage[]> {
  const images: BuiltImage[] = [];
  for (const name of await namesIn(places.artifacts)) {
    if (name.startsWith('.')) continue;
    try {
      const image = await readImage(places, name);
      if (image) images.push(image);
    } catch (error) {
      // Other things may be among the artifacts.
      if (!(error instanceof NameTaken)) throw error;
    }
  }
  return images;
}

/** What {@link collectGarbage} did. */
export interface Collected {
  readonly builds: number;
  readonly blobs: number;
  /** Bytes that are free now. */
  readonly bytes: number;
  /** Builds that run: while there are any, no blob is removed. */
  readonly running: number;
}

/** What removing a folder frees, bytes: a file that has further names stays under those. */
async function sizeOf(folder: string): Promise<number> {
  let freed = 0;
  for (const file of await namesIn(folder)) {
    const { size, nlink } = await lstat(join(folder, file));
    if (nlink === 1) freed += size;
  }
  return freed;
}

/** The images that a build was made from. */
function sourcesOf({ source, initrd: { builder } }: BuildManifest): readonly BuiltSource[] {
  return builder ? [source, builder] : [source];
}

/**
 * Removes builds that no name has stood for in the last hour, blobs that no build left is made of, and what killed
 * builds left. What a script named and what is being downloaded the store keeps by names or copies of its own.
 * @param now milliseconds since 1970
 */
export async function collectGarbage(places: StorePaths, now: number): Promise<Collected> {
  const running = await removeAbandoned(places, now);
  const named = new Set((await listImages(places)).map(({ id }) => id));
  const used = new Set<string>();
  let [builds, blobs, bytes] = [0, 0, 0];
  for (const id of await namesIn(places.builds)) {
    const folder = join(places.builds, id);
    const { mtimeMs } = await lstat(folder);
    const manifest = await readManifest(join(folder, 'manifest.json'));
    if (named.has(id) || now - mtimeMs < GRACE_MS) {
      for (const { digest, layers } of manifest ? sourcesOf(manifest) : []) {
        for (const blob of [digest, ...layers]) used.add(blob);
      }
      continue;
    }
    bytes += await sizeOf(folder);
    await rm(folder, { recursive: true, force: true });
    builds += 1;
  }
  // A build that runs counts on the blobs that it found.
  if (running > 0) return { builds, blobs, bytes, running };
  const folder = join(places.blobs, 'sha256');
  for (const digest of [...used]) {
    const config = await configDigest(join(folder, digest.replace('sha256:', '')));
    if (config !== undefined) used.add(config);
  }
  for (const hex of await namesIn(folder)) {
    if (used.has(`sha256:${hex}`)) continue;
    const { size, nlink } = await lstat(join(folder, hex));
    if (nlink === 1) bytes += size;
    await rm(join(folder, hex), { force: true });
    blobs += 1;
  }
  return { builds, blobs, bytes, running };
}

/** The configuration that a manifest names; undefined for blobs that are no manifests. */
async function configDigest(file: string): Promise<string | undefined> {
  try {
    if ((await stat(file)).size > 4 * 1024 * 1024) return undefined;
    const json = JSON.parse(await readFile(file, 'utf8')) as { config?: { digest?: unknown } } | null;
    return typeof json?.config?.digest === 'string' ? json.config.digest : undefined;
  } catch {
    return undefined;
  }
}
