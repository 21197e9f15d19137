import type { PinResult, Store } from '../../artifacts/store/store.ts';
import { arrangeArchive } from '../../images/oci/arrange-archive.ts';
import { ociArchive } from '../../images/oci/oci-archive.ts';
import { BadImage, digestHex, imageOf } from '../../images/oci/oci-image.ts';
import type { Pin } from '../../model/boot/boot-plan.ts';
import type { OpenResult } from '../../model/files/open-file.ts';
import { readBytes } from '../../model/files/random-access.ts';
import { mapFiles } from '../../model/files/segment.ts';

/** The most of a manifest, bytes (OCI distribution specification 1.1). */
const LARGEST_MANIFEST = 4 * 1024 * 1024;

/**
 * The version in force of an OCI archive as nodes are to get it: itself, or in an order in which it can be unpacked
 * while it arrives.
 * @param label which image of the archive is to run
 * @throws the operating system's error
 */
export async function pinArchive(store: Store, path: string, label: string): Promise<PinResult> {
  const pinned = await store.pin(path);
  if (!pinned.ok) return pinned;
  const { digest } = pinned.pin;
  const made = await store.pinMade(`arranged ${digest} ${label}`, async () => {
    const opened = await store.openBlob(digest);
    if (!opened.ok) throw new Error(opened.why);
    try {
      return await arrangeArchive(opened.file, label, digest);
    } finally {
      await opened.file.close();
    }
  });
  return made ? { ok: true, pin: made } : pinned;
}

const placeOf = (digest: string) => `.images/blobs/sha256/${digest}`;

/**
 * Opens a blob of a built image, hashed once.
 * @throws the operating system's error, and one that says that it is still being written
 */
export async function openImageBlob(store: Store, digest: string): Promise<OpenResult> {
  const result = await store.pin(placeOf(digest));
  if (!result.ok) {
    if (result.reason === 'busy') throw Object.assign(new Error(result.why), { code: 'EAGAIN' });
    return { ok: false, reason: result.reason, why: result.why };
  }
  if (result.pin.digest === digest) return store.openBlob(digest);
  return { ok: false, reason: 'gone', why: `blob ${digest} of an image is damaged: build the image again` };
}

async function pinImageBlob(store: Store, digest: string): Promise<Pin> {
  const result = await store.pin(placeOf(digest));
  if (!result.ok) throw new Error(`blob ${digest} of the image: ${result.why}; build the image again`);
  if (result.pin.digest !== digest) throw new Error(`blob ${digest} of the image is damaged: build the image again`);
  return result.pin;
}

async function readManifest(store: Store, digest: string): Promise<string> {
  const opened = await store.openBlob(digest);
  if (!opened.ok) throw new Error(opened.why);
  try {
    if (opened.file.size > LARGEST_MANIFEST) throw new BadImage('the manifest of the image is too large');
    return (await readBytes(opened.file, 0, LARGEST_MANIFEST)).toString('utf8');
  } finally {
    await opened.file.close();
  }
}

/**
 * The version of a built image's OCI archive, which is put together from its blobs while it is sent.
 * @param image the digest of its manifest, 64 hex digits
 * @throws an error that says what is missing
 */
export async function pinImageArchive(store: Store, image: string): Promise<Pin> {
  const pin = await store.pinMade(`image ${image}`, async () => {
    const { size } = await pinImageBlob(store, image);
    const text = await readManifest(store, image);
    const { config, layers } = imageOf(text);
    for (const blob of [config, ...layers]) await pinImageBlob(store, digestHex(blob.digest));
    const mediaType = (JSON.parse(text) as { mediaType?: unknown }).mediaType;
    const manifest = {
      mediaType: typeof mediaType === 'string' ? mediaType : 'application/vnd.oci.image.manifest.v1+json',
      digest: `sha256:${image}`,
      size,
    };
    return mapFiles(ociArchive({ manifest, config, layers }, 'latest'), digestHex);
  });
  if (!pin) throw new Error('the image has no archive');
  return pin;
}
