import type { Store } from '../../artifacts/store/store.ts';
import type { Pin, RequiredFile } from '../../model/boot/boot-plan.ts';
import type { Build } from '../../model/boot/build.ts';
import type { Image } from '../../model/boot/image.ts';
import type { RecordEvent } from '../../model/event.ts';
import { arrangedArchive } from './archives.ts';
import { createBuilds } from './builds.ts';
import { FreshCache } from './fresh-cache.ts';

/** The current versions of builds and of files, for scripts. */
export interface Versions {
  /**
   * The current version of an image's build.
   * @throws Error that says why there is none
   */
  build(image: Image): Promise<Build>;
  /**
   * The current version of a file, in the form in which machines need it. One that the store has pinned meanwhile
   * counts at once.
   * @throws Error that says why there is none
   */
  pin(needed: RequiredFile): Promise<Pin>;
  /** Has builds looked at anew when they are next asked for. */
  expireBuilds(): void;
}

/** The pin of a file in one form, and the store's pin of the file as it is. */
interface Look {
  readonly pin: Pin;
  readonly base: Pin | undefined;
}

/** @param monotonic milliseconds of a clock that never goes back */
export function createVersions(store: Store, record: RecordEvent, monotonic: () => number): Versions {
  const builds = createBuilds(store, record, monotonic);
  const pins = new FreshCache<Look>(monotonic);

  const look = async ({ path, form, label = 'latest' }: RequiredFile): Promise<Look> => {
    if (form === 'image') return { pin: await builds.archive(path.slice('oci:'.length)), base: undefined };
    const result = await store.pin(path);
    if (!result.ok) throw new Error(result.why);
    const base = result.pin;
    if (form === 'archive') return { pin: await arrangedArchive(store, base, label), base };
    if (form !== 'tree') return { pin: base, base };
    const verity = await store.trees.verity(base.digest);
    if ('why' in verity) throw new Error(verity.why);
    return { pin: { ...base, verity }, base };
  };

  return {
    build: builds.current,
    pin: async (needed) => {
      const { path, form, label } = needed;
      const found = await pins.get(
        form === 'file' ? path : `${form} ${path} ${label}`,
        ({ base }) => base === store.pinned(path),
        async (key) => pins.set(key, await look(needed)),
      );
      if (!found) throw new Error('it was replaced just now');
      return found.pin;
    },
    expireBuilds: builds.expire,
  };
}
