import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from './atomic-folder.ts';
import { type Descriptor, digestHex } from './oci-image.ts';

/** How often what arrives is looked at, milliseconds. */
const INTERVAL_MS = 200;

/** What a copy of skopeo's is watched by. */
export interface FetchWatch {
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
 */
export async function watchFetch(
  layout: string,
  blobs: string,
  progress: (bytes: number) => void,
): Promise<FetchWatch> {
  const before = new Set(await namesIn(blobs));
  const sizes = new Map<string, number>();
  let told = 0;
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
      progress(more);
    }
  };
  let looking = false;
  const timer = setInterval(() => {
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
    stop: () => clearInterval(timer),
    finish(image) {
      const arrived = image.filter(({ digest }) => !before.has(digestHex(digest)));
      const rest = arrived.reduce((sum, { size }) => sum + size, 0) - told;
      if (rest > 0) progress(rest);
    },
  };
}
