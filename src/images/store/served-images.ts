import { isBuildName } from '../../model/boot/build.ts';
import type { ImageManifest } from '../../model/files/manifest.ts';
import type { OpenFile, OpenResult } from '../../model/files/open-file.ts';
import { readBytes } from '../../model/files/random-access.ts';
import { hexOfDigest } from '../../model/files/sha256.ts';
import { LARGEST_DOCUMENT } from '../oci/arrange-archive.ts';
import { listImages, readImage } from './image-list.ts';
import { NameTaken, storePaths } from './publish.ts';

/** Images as a registry offers them. */
export interface ServedImages {
  names(): Promise<readonly string[]>;
  /**
   * A manifest by its digest (`sha256:` and 64 hex digits), or the one that the name stands for; undefined where there
   * is none.
   * @throws the operating system's error
   */
  manifest(name: string, digest: string | undefined): Promise<ImageManifest | undefined>;
  /** Opens a blob by its 64 hex digits. */
  blob(digest: string): Promise<OpenResult>;
}

/** Reads an image's manifest and closes its file; undefined for what is too long, no text, or no manifest. */
export async function readManifest(file: OpenFile, digest: string): Promise<ImageManifest | undefined> {
  try {
    if (file.size > LARGEST_DOCUMENT) return undefined;
    const bytes = await readBytes(file, 0, file.size);
    if (bytes.length < file.size) return undefined;
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const json = JSON.parse(text) as { mediaType?: unknown; config?: unknown; layers?: unknown } | null;
    if (!json?.config || !Array.isArray(json.layers)) return undefined;
    const { mediaType: given } = json;
    const isPlain = typeof given === 'string' && /^[\w.+/-]{1,200}$/.test(given);
    return { digest, mediaType: isPlain ? given : 'application/vnd.oci.image.manifest.v1+json', text };
  } catch (error) {
    // No UTF-8, or no JSON.
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

/**
 * Offers the images that were built, from the blobs that they were built of.
 * @param artifacts the folder, absolute and without symbolic links
 * @param blob opens a blob of theirs by its 64 hex digits
 */
export function createServedImages(artifacts: string, blob: (digest: string) => Promise<OpenResult>): ServedImages {
  const places = storePaths(artifacts);

  const current = async (name: string) => {
    if (!isBuildName(name)) return undefined;
    try {
      return (await readImage(places, name))?.manifest.source.digest;
    } catch (error) {
      if (error instanceof NameTaken) return undefined;
      throw error;
    }
  };

  return {
    names: async () => (await listImages(places)).map(({ name }) => name),
    manifest: async (name, wanted) => {
      const digest = hexOfDigest(wanted ?? (await current(name)) ?? '');
      if (digest === undefined) return undefined;
      const opened = await blob(digest);
      return opened.ok ? await readManifest(opened.file, digest) : undefined;
    },
    blob,
  };
}
