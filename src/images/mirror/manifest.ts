import { createHash } from 'node:crypto';
import type { ImageManifest } from '../../model/files/manifest.ts';
import { hexOfDigest } from '../../model/files/sha256.ts';

/** The largest manifest or index, bytes. */
export const LARGEST_MANIFEST = 8 * 1024 * 1024;

const OCI = 'application/vnd.oci.image';
const DOCKER = 'application/vnd.docker.distribution.manifest';

/** The kinds of documents that are fetched: the formats of today, with all that they name by digest. */
export const MANIFEST_TYPES: readonly string[] = [
  ...[`${OCI}.index.v1+json`, `${OCI}.manifest.v1+json`],
  ...[`${DOCKER}.list.v2+json`, `${DOCKER}.v2+json`],
];

/** A manifest or index, and the sizes of the blobs and manifests that it names, by hex digits. */
export interface ReadManifest {
  readonly manifest: ImageManifest;
  readonly sizes: ReadonlyMap<string, number>;
}

function descriptorsOf(json: Readonly<Record<string, unknown>>): readonly unknown[] {
  const lists = [json.manifests, json.layers].flatMap((list) => (Array.isArray(list) ? list : []));
  return json.config === undefined ? lists : [...lists, json.config];
}

/**
 * Reads the bytes of a manifest or index (OCI image specification 1.1, manifest.md and image-index.md; Docker's schema
 * 2); undefined for anything else.
 */
export function readManifest(bytes: Uint8Array): ReadManifest | undefined {
  let text: string;
  let json: Readonly<Record<string, unknown>> | null;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isIndex = Array.isArray(json?.manifests);
  if (!json || (!isIndex && (typeof json.config !== 'object' || !Array.isArray(json.layers)))) return undefined;
  // Before OCI's version 1.1 a document need not say its own kind.
  const mediaType = json.mediaType ?? (isIndex ? `${OCI}.index.v1+json` : `${OCI}.manifest.v1+json`);
  if (typeof mediaType !== 'string' || !MANIFEST_TYPES.includes(mediaType)) return undefined;
  const sizes = new Map<string, number>();
  for (const each of descriptorsOf(json) as ({ digest?: unknown; size?: unknown } | null)[]) {
    const digest = typeof each?.digest === 'string' ? hexOfDigest(each.digest) : undefined;
    const size = each?.size;
    if (digest !== undefined && typeof size === 'number' && Number.isSafeInteger(size) && size >= 0)
      sizes.set(digest, size);
  }
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { manifest: { digest, mediaType, text }, sizes };
}
