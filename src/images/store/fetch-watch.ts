import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../artifacts/folders.ts';
import { BadImage, type Descriptor, digestHex } from '../oci/oci-image.ts';

/** How often what arrives is looked at, milliseconds. */
const INTERVAL_MS = 200;

/** What may arrive beside what is expected, bytes. */
const SLACK = 8 * 1024 * 1024;

/** What a copy of skopeo's is watched by. */
export interface FetchWatch {
  /** Aborted with a BadImage when nothing has arrived for as long as there is patience, or more than is expected. */
  readonly givenUp: AbortSignal;
  /** Says how many bytes of layers are expected. */
  expect(bytes: number): void;
  /** Ends watching, without a word. */
  stop(): void;
  /** Tells of what of these blobs, of an image that is here now, was not seen under way. */
  finish(blobs: readonly Descriptor[]): void;
}

/**
 * Watches skopeo write an OCI layout: it says nothing of its progress to who is no terminal, but writes each blob to a
 * file in the layout's folder first, and then moves it to its place.
 * @param blobs where they are moved to
 * @param progress told of bytes that arrived
 * @param patienceMs how long nothing may arrive, milliseconds
 */
export async function watchFetch(
  layout: string,
  blobs: string,
  progress: (bytes: number) => void,
  patienceMs: number,
): Promise<FetchWatch> {
  const before = new Set(await namesIn(blobs));
  const sizes = new Map<string, number>();
  const giving = new AbortController();
  let most = Number.POSITIVE_INFINITY;
  let told = 0;
  let quiet = 0;
  const look = async () => {
    for (const name of await namesIn(layout)) {
      if (!name.startsWith('oci-put-blob')) continue;
      // It may have been moved in between.
      const size = await stat(join(layout, name)).then(
        (stats) => stats.size,
        () => 0,
      );
      const more = size - (sizes.get(name) ?? 0);
      if (more <= 0) continue;
      sizes.set(name, size);
      told += more;
      quiet = 0;
      if (told > most) giving.abort(new BadImage('the registry sends more than the manifest of the image says'));
      progress(more);
    }
  };
  let looking = false;
  const timer = setInterval(() => {
    quiet += INTERVAL_MS;
    if (quiet >= patienceMs) giving.abort(new BadImage(`nothing came from the registry for ${patienceMs / 1000} s`));
    if (looking) return;
    looking = true;
    // Only what is shown depends on it.
    look()
      .catch(() => {})
      .finally(() => {
        looking = false;
      });
  }, INTERVAL_MS);
  return {
    givenUp: giving.signal,
    expect(bytes) {
      // The configuration comes beside the layers, and skopeo compresses those that are not.
      most = bytes * 1.1 + SLACK;
    },
    stop: () => clearInterval(timer),
    finish(image) {
      const arrived = image.filter(({ digest }) => !before.has(digestHex(digest)));
      const rest = arrived.reduce((sum, { size }) => sum + size, 0) - told;
      if (rest > 0) progress(rest);
    },
  };
}
