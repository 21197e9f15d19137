import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../artifacts/folders.ts';
import { DigestFolder } from '../../artifacts/store/digest-folder.ts';
import { hexOfDigest } from '../../model/files/sha256.ts';
import { LARGEST_DOCUMENT } from '../oci/arrange-archive.ts';
import { type BuildManifest, type BuiltSource, readManifest } from './manifest.ts';
import { currentBuild, NameTaken, removeAbandoned, type StorePaths } from './publish.ts';

/** How long a build without a name stays, milliseconds: machines may still boot by a script that names its files. */
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
  const folder = join(places.builds, id);
  const read = await readManifest(join(folder, 'manifest.json'));
  return read && { name, id, manifest: read.manifest, built: (await stat(folder)).mtimeMs };
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

/** The counts of {@link collectGarbage}. */
export interface RemovedImages {
  readonly builds: number;
  readonly blobs: number;
  /** Bytes that are free now. */
  readonly bytes: number;
  /** Builds that run: while there are any, no blob is removed. */
  readonly running: number;
}

/** The images that a build was made from. */
function sourcesOf({ source, initrd: { builder } }: BuildManifest): readonly BuiltSource[] {
  return builder ? [source, builder] : [source];
}

/**
 * Removes builds that had no name in the last hour, blobs that none of the other builds is made of, and leftovers of
 * killed builds. The daemon's store keeps the files that a script named or a node downloads, by links or copies.
 * @param now milliseconds since 1970
 * @throws the operating system's error
 */
export async function collectGarbage(places: StorePaths, now: number): Promise<RemovedImages> {
  const running = await removeAbandoned(places, now);
  const named = new Set((await listImages(places)).map(({ id }) => id));
  const folder = new DigestFolder(places.builds);
  const builds = await folder.collect(now, (id, modified) => named.has(id) || now - modified < GRACE_MS);
  const removed = { builds: builds.digests.length, blobs: 0, bytes: builds.bytes, running };
  // A build that runs counts on the blobs that it found.
  if (running > 0) return removed;
  const kept = new DigestFolder(join(places.blobs, 'sha256'));
  const used = await usedBlobs(places, kept);
  const blobs = await kept.collect(now, (digest) => used.has(digest));
  return { ...removed, blobs: blobs.digests.length, bytes: builds.bytes + blobs.bytes };
}

/** The digests of all blobs that builds are made of: manifests, layers and configurations. */
async function usedBlobs(places: StorePaths, blobs: DigestFolder): Promise<ReadonlySet<string>> {
  const used: string[] = [];
  for (const id of await new DigestFolder(places.builds).list()) {
    const read = await readManifest(join(places.builds, id, 'manifest.json'));
    for (const { digest, layers } of read ? sourcesOf(read.manifest) : []) {
      used.push(...[digest, ...layers].flatMap((each) => hexOfDigest(each) ?? []));
    }
  }
  const configs = await Promise.all(used.map((digest) => configDigest(blobs.pathOf(digest))));
  return new Set([...used, ...configs.flatMap((digest) => digest ?? [])]);
}

/** The 64 hex digits of the configuration that a manifest names; undefined for blobs that are no manifests. */
async function configDigest(file: string): Promise<string | undefined> {
  try {
    if ((await stat(file)).size > LARGEST_DOCUMENT) return undefined;
    const json = JSON.parse(await readFile(file, 'utf8')) as { config?: { digest?: unknown } } | null;
    return typeof json?.config?.digest === 'string' ? hexOfDigest(json.config.digest) : undefined;
  } catch {
    return undefined;
  }
}
