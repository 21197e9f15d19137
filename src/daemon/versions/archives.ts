import type { Store } from '../../artifacts/store/store.ts';
import { arrangeArchive } from '../../images/oci/arrange-archive.ts';
import { ociArchive } from '../../images/oci/oci-archive.ts';
import { BadImage, digestHex, imageOf } from '../../images/oci/oci-image.ts';
import { readManifest } from '../../images/store/served-images.ts';
import type { Pin } from '../../model/boot/boot-plan.ts';
import type { OpenResult } from '../../model/files/open-file.ts';
import { mapFiles } from '../../model/files/segment.ts';

/**
 * An OCI archive as nodes get it: as it is, or in an order in which they can unpack it while it arrives.
 * @param label the name of the image to run, in the archive
 * @throws the operating system's error
 */
export async function arrangedArchive(store: Store, archive: Pin, label: string): Promise<Pin> {
  const { digest } = archive;
  const arranged = await store.pinComposed(`arranged ${digest} ${label}`, async () => {
    const opened = await store.openBlob(digest);
    if (!opened.ok) throw new Error(opened.why);
    try {
      return await arrangeArchive(opened.file, label, digest);
    } finally {
      await opened.file.close();
    }
  });
  return arranged ?? archive;
}

/**
 * Opens a blob of a built image, hashed once.
 * @throws the operating system's error; EAGAIN for a blob that is still being written
 */
export async function openImageBlob(store: Store, digest: string): Promise<OpenResult> {
  const result = await store.pinImageBlob(digest);
  if (result.ok) return store.openBlob(digest);
  const { ok, reason, why } = result;
  if (reason === 'busy') throw Object.assign(new Error(why), { code: 'EAGAIN' });
  return { ok, reason, why };
}

async function pinImageBlob(store: Store, digest: string): Promise<Pin> {
  const result = await store.pinImageBlob(digest);
  if (result.ok) return result.pin;
  if (result.reason === 'gone') throw new Error(result.why);
  throw new Error(`blob ${digest} of the image: ${result.why}; build the image again`);
}

/**
 * The version of a built image's OCI archive, which is composed of its blobs while it is sent.
 * @param image the digest of its manifest, 64 hex digits
 * @throws an error that says what is missing
 */
export async function pinImageArchive(store: Store, image: string): Promise<Pin> {
  const pin = await store.pinComposed(`image ${image}`, async () => {
    const { size } = await pinImageBlob(store, image);
    const opened = await store.openBlob(image);
    if (!opened.ok) throw new Error(opened.why);
    const served = await readManifest(opened.file, image);
    if (!served) throw new BadImage('the manifest of the image is too large, or is none');
    const { config, layers } = imageOf(served.text);
    for (const blob of [config, ...layers]) await pinImageBlob(store, digestHex(blob.digest));
    const manifest = { mediaType: served.mediaType, digest: `sha256:${image}`, size };
    return mapFiles(ociArchive({ manifest, config, layers }, 'latest'), digestHex);
  });
  if (!pin) throw new Error('the image has no archive');
  return pin;
}
