import type { Store } from '../../artifacts/store/store.ts';
import type { Pin, RequiredFile } from '../../model/boot/boot-plan.ts';
import { pinArchive } from './archives.ts';
import type { Builds } from './builds.ts';

/** For how long a version is taken for the one in force without a look at its file, milliseconds. */
const LOOK_EVERY = 500;

/**
 * The version of something that machines need, in the form in which they need it.
 * @throws Error that says why there is none
 */
export async function currentVersion(store: Store, builds: Builds, needed: RequiredFile): Promise<Pin> {
  const { path, form, label = 'latest' } = needed;
  if (form === 'image') return await builds.archive(path.slice('oci:'.length));
  const result = form === 'archive' ? await pinArchive(store, path, label) : await store.pin(path);
  if (!result.ok) throw new Error(result.why);
  return form === 'tree' ? await withTree(store, result.pin) : result.pin;
}

async function withTree(store: Store, pin: Pin): Promise<Pin> {
  const verity = await store.trees.verity(pin.digest);
  if ('why' in verity) throw new Error(verity.why);
  return { ...pin, verity };
}

/**
 * The versions in force for scripts. A file is looked at twice a second at most, however many ask; a version that the
 * store has put in force meanwhile counts at once.
 */
export function versionsOf(
  store: Store,
  builds: Builds,
  monotonic: () => number,
): (needed: RequiredFile) => Promise<Pin> {
  const looked = new Map<
    string,
    { readonly at: number; readonly pin: Promise<Pin>; readonly current: Pin | undefined }
  >();
  const look = async (key: string, needed: RequiredFile) => {
    const pin = await currentVersion(store, builds, needed);
    looked.set(key, { at: monotonic(), pin: Promise.resolve(pin), current: store.pinned(needed.path) });
    return pin;
  };
  return (needed) => {
    const key = needed.form === 'file' ? needed.path : `${needed.form} ${needed.path} ${needed.label}`;
    const last = looked.get(key);
    if (last && last.current === store.pinned(needed.path) && monotonic() - last.at < LOOK_EVERY) return last.pin;
    return look(key, needed);
  };
}
