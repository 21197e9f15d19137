import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../artifacts/folders.ts';
import { singleFlight } from '../../artifacts/single-flight.ts';
import type { DigestFolder } from '../../artifacts/store/digest-folder.ts';
import { BadImage, type Descriptor, digestHex } from '../oci/oci-image.ts';

/** The time between two looks at the folder, milliseconds. */
const INTERVAL_MS = 200;

/** How much may arrive beside the expected layers, bytes. */
const SLACK = 8 * 1024 * 1024;

/** The watcher of one copy by skopeo. */
export type FetchWatch = Awaited<ReturnType<typeof watchFetch>>;

/**
 * Watches skopeo write an OCI layout. It prints its progress to a terminal only, but writes each blob to a file in the
 * layout's folder first, and then moves it to the other blobs.
 * @param progress gets the number of bytes that arrived
 * @param patienceMs how long nothing may arrive, milliseconds
 */
export async function watchFetch(
  layout: string,
  blobs: DigestFolder,
  progress: (bytes: number) => void,
  patienceMs: number,
) {
  const before = new Set(await blobs.list());
  const sizes = new Map<string, number>();
  const giving = new AbortController();
  let most = Number.POSITIVE_INFINITY;
  let counted = 0;
  let quiet = 0;
  const look = async () => {
    for (const name of await namesIn(layout)) {
      if (!name.startsWith('oci-put-blob')) continue;
      // It may have been moved in between.
      const { size } = await stat(join(layout, name)).catch(() => ({ size: 0 }));
      const more = size - (sizes.get(name) ?? 0);
      if (more <= 0) continue;
      sizes.set(name, size);
      counted += more;
      quiet = 0;
      if (counted > most) giving.abort(new BadImage('the registry sends more than the manifest of the image says'));
      progress(more);
    }
  };
  const looking = new Map<string, Promise<void>>();
  const timer = setInterval(() => {
    quiet += INTERVAL_MS;
    if (quiet >= patienceMs) giving.abort(new BadImage(`nothing came from the registry for ${patienceMs / 1000} s`));
    // Only what is shown depends on it.
    singleFlight(looking, layout, look).catch(() => {});
  }, INTERVAL_MS);
  return {
    /** Aborted with a BadImage when nothing arrives for too long, or more than is expected. */
    givenUp: giving.signal,

    /** Sets how many bytes of layers are expected. */
    expect: (bytes: number) => {
      // The configuration comes beside the layers, and skopeo compresses those that are not.
      most = bytes * 1.1 + SLACK;
    },

    /** Ends watching. */
    stop: () => clearInterval(timer),

    /** Reports the bytes of newly fetched blobs that were not counted yet. */
    finish: (blobsOfImage: readonly Descriptor[]) => {
      const arrived = blobsOfImage.filter(({ digest }) => !before.has(digestHex(digest)));
      const rest = arrived.reduce((sum, { size }) => sum + size, 0) - counted;
      if (rest > 0) progress(rest);
    },
  };
}
