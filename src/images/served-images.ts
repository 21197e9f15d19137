import { join } from 'node:path';
import type { OpenFile, OpenResult } from '../model/open-file.ts';
import { NameTaken, type Places } from './atomic-folder.ts';
import { listImages, readImage } from './image-list.ts';
import { isBuildName } from './source.ts';

/** The manifest of an image, as a registry gives it. */
export interface ServedManifest {
  /** 64 hex digits. */
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Images as a registry offers them: by name, `latest` being what the name stands for. */
export interface ServedImages {
  /** All names. */
  names(): Promise<readonly string[]>;
  /** The tags of a name; undefined where there is no such image. */
  tags(name: string): Promise<readonly string[] | undefined>;
  /**
   * A manifest by `latest` or by its digest (`sha256:` and 64 hex digits); undefined where there is none.
   * @throws the operating system's error
   */
  manifest(name: string, reference: string): Promise<ServedManifest | undefined>;
  /** Opens a blob by its 64 hex digits; whoever gets it closes it. */
  blob(name: string, digest: string): Promise<OpenResult>;
}

/** The only tag. */
const TAG = 'latest';
/** The most bytes of a manifest (OCI distribution specification 1.1, "Pushing Manifests", has 4 MB). */
const LARGEST = 4 * 1024 * 1024;

const MISSING: OpenResult = { ok: false, reason: 'missing', why: 'no such blob' };

async function readWhole(file: OpenFile): Promise<Buffer | undefined> {
  try {
    if (file.size > LARGEST) return undefined;
    const buffer = Buffer.alloc(file.size);
    return (await file.read(buffer, 0)) === file.size ? buffer : undefined;
  } finally {
    await file.close();
  }
}

/** The media type of a manifest; undefined for a blob that is none. */
function mediaTypeOf(bytes: Buffer): string | undefined {
  try {
    const json = JSON.parse(bytes.toString('utf8')) as {
      mediaType?: unknown;
      config?: unknown;
      layers?: unknown;
    } | null;
    if (!json?.config || !Array.isArray(json.layers)) return undefined;
    const plain = typeof json.mediaType === 'string' && /^[\w.+/-]{1,200}$/.test(json.mediaType);
    return plain ? (json.mediaType as string) : 'application/vnd.oci.image.manifest.v1+json';
  } catch {
    return undefined;
  }
}

/**
 * Offers the images that were built, from the blobs that they were built of.
 * @param open opens a file by its path below the artifacts folder, wherever it lies in it
 */
export function createServedImages(places: Places, open: (path: string) => Promise<OpenResult>): ServedImages {
  const blobFile = (digest: string) => open(join('.images/blobs/sha256', digest));

  const find = async (name: string) => {
    if (!isBuildName(name)) return undefined;
    try {
      return await readImage(places, name);
    } catch (error) {
      if (error instanceof NameTaken) return undefined;
      throw error;
    }
  };

  return {
    names: async () => (await listImages(places)).map(({ name }) => name),
    tags: async (name) => ((await find(name)) ? [TAG] : undefined),
    manifest: async (name, reference) => {
      const image = await find(name);
      if (!image) return undefined;
      const wanted = reference === TAG ? image.manifest.source.digest : reference;
      const [, digest] = /^sha256:([0-9a-f]{64})$/.exec(wanted) ?? [];
      const opened = digest === undefined ? MISSING : await blobFile(digest);
      if (digest === undefined || !opened.ok) return undefined;
      const bytes = await readWhole(opened.file);
      const mediaType = bytes && mediaTypeOf(bytes);
      return bytes && mediaType !== undefined ? { digest, mediaType, bytes } : undefined;
    },
    blob: async (name, digest) => ((await find(name)) ? blobFile(digest) : MISSING),
  };
}
