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
export interface FetchWatch {
  /** Aborted with a BadImage when nothing arrives for too long, or more than is expected. */
  readonly givenUp: AbortSignal;
  /** Sets how many bytes of layers are expected. */
  expect(bytes: number): void;
  /** Ends watching. */
  stop(): void;
  /** Reports the bytes of newly fetched blobs that were not counted yet. */
  finish(blobs: readonly Descriptor[]): void;
}

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
): Promise<FetchWatch> {
  const before = new Set(await blobs.list());
  const sizes = new Map<string, number>();
  const giving = new AbortController();
  let most = Number.POSITIVE_INFINITY;
  let told = 0;
  let quiet = 0;
  const look = async () => {
    for (const name of await namesIn(layout)) {
      if (!name.startsWith('oci-put-blob')) continue;
      // It may have been moved in between.
      const { size } = await stat(join(layout, name)).catch(() => ({ size: 0 }));
      const more = size - (sizes.get(name) ?? 0);
      if (more <= 0) continue;
      sizes.set(name, size);
      told += more;
      quiet = 0;
      if (told > most) giving.abort(new BadImage('the registry sends more than the manifest of the image says'));
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
