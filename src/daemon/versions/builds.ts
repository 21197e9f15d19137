import { setTimeout as delay } from 'node:timers/promises';
import { singleFlight } from '../../artifacts/single-flight.ts';
import type { Store } from '../../artifacts/store/store.ts';
import { type BuiltFiles, readBuiltFiles } from '../../images/store/built-files.ts';
import type { Pin } from '../../model/boot/boot-plan.ts';
import { type Build, fileOfBuild, rootOf } from '../../model/boot/build.ts';
import { type Image, sourcesOf } from '../../model/boot/image.ts';
import { ROOT_FILES } from '../../model/boot/root-kind.ts';
import type { RecordEvent } from '../../model/event.ts';
import { pinImageArchive } from './archives.ts';
import { FreshCache } from './fresh-cache.ts';

/** How often a build is read that is just being replaced. */
const ATTEMPTS = 4;
/** The time between two such attempts, milliseconds. */
const PAUSE = 1000;
/** How long a version that is not whole is left alone, milliseconds. */
const RETRY_AFTER = 30_000;
/** Stands among the files of a build for the archive that is composed of its image's blobs. */
const ARCHIVE = 'oci:';

/** Given the files of a build, those that one image's machines fetch. */
type RequiredOf = (build: Pick<Build, 'files'>) => readonly string[];

/** A version of a build, and its files that are pinned. */
interface Ready {
  readonly build: Build;
  readonly files: ReadonlySet<string>;
}

/**
 * The builds among the artifacts, each as one: no machine gets a kernel of one version and a root of another.
 * @param monotonic milliseconds of a clock that never goes back
 */
export function createBuilds(store: Store, record: RecordEvent, monotonic: () => number) {
  const current = new FreshCache<Ready>(monotonic);
  /** By the names of the build and of the image. */
  const required = new Map<string, Map<string, RequiredOf>>();
  const replacing = new Map<string, Promise<void>>();
  const failures = new Map<string, { readonly id: string; readonly at: number; readonly error: Error }>();

  const read = async (name: string): Promise<BuiltFiles> => {
    const found = await readBuiltFiles(store.root, name);
    if (found) return found;
    throw new Error(`there is no such build: "slipway image build SOURCE --name ${name}" makes it`);
  };

  /** Makes a version the current one; false if a required file is not the one of its manifest. */
  const activate = async (name: string, built: BuiltFiles): Promise<boolean> => {
    const pins = new Map<string, Pin>(built.files);
    const files = new Set([...(required.get(name)?.values() ?? [])].flatMap((requiredOf) => requiredOf(built)));
    for (const file of files) {
      if (file === ARCHIVE) pins.set(file, await pinImageArchive(store, built.image));
      else {
        const result = await store.pin(`${name}/${file}`);
        if (!result.ok || result.pin.digest !== built.files.get(file)?.digest) return false;
      }
    }
    current.set(name, { build: { id: built.id, files: pins, unpacked: built.unpacked }, files });
    return true;
  };

  /** Makes the version the current one that the name has, though it may be replaced meanwhile. */
  const makeReady = async (name: string): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      const before = current.last(name)?.build.id;
      const built = await read(name);
      if (await activate(name, built)) {
        const message = `image ${name}: build ${built.id.slice(0, 12)} is in force`;
        if (before !== built.id) record({ event: 'image.build', level: 'info', message, name, id: built.id });
        return;
      }
      if (attempt === ATTEMPTS) throw new Error('its files are not those of its manifest: build it again');
      // It was replaced just now, or is so young that the store does not trust it yet.
      await delay(PAUSE);
    }
  };

  /** The same, once for all who ask. A failure is recorded, and remembered for the version that was seen first. */
  const replace = (name: string, id: string): Promise<void> =>
    singleFlight(replacing, name, () =>
      makeReady(name).catch((error: Error) => {
        failures.set(name, { id, at: monotonic(), error });
        const kept = current.last(name) ? '; the build before stays in force' : '';
        record({ event: 'image.build', level: 'warn', message: `image ${name}: ${error.message}${kept}`, name });
        throw error;
      }),
    );

  /** Brings the current version up to date, or begins to replace it. */
  const look = async (name: string): Promise<void> => {
    const built = await read(name).catch((error: Error) => {
      current.delete(name);
      throw error;
    });
    const last = current.last(name);
    // Where nothing changed, this is one stat for each file.
    if (last?.build.id === built.id && (await activate(name, built))) return;
    const older = last?.build.id === built.id ? undefined : last;
    // Machines get the older version until the new one is ready.
    if (older) current.set(name, older);
    const failed = failures.get(name);
    if (failed?.id === built.id && monotonic() - failed.at < RETRY_AFTER) {
      if (older) return;
      throw failed.error;
    }
    const ready = replace(name, built.id);
    if (older) ready.catch(() => {});
    else await ready;
  };

  const get = async (name: string, user: string, requiredOf: RequiredOf): Promise<Build> => {
    required.set(name, (required.get(name) ?? new Map<string, RequiredOf>()).set(user, requiredOf));
    const serves = ({ build, files }: Ready) => requiredOf(build).every((file) => files.has(file));
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const found = await current.get(name, serves, look);
      if (found && serves(found)) {
        const pins = requiredOf(found.build).flatMap((file) => found.build.files.get(file) ?? []);
        for (const { digest } of pins) store.use(digest);
        return found.build;
      }
      // The current version lacks what a new image requires of it.
      await replacing.get(name);
    }
    throw new Error('it is replaced all the time');
  };

  return {
    /**
     * The current version of an image's build. A new one replaces it when all files of it that machines need are ready.
     * @throws Error that says what to do, where there is none or it is damaged
     */
    current: (image: Image): Promise<Build> => {
      const name = image.build?.name ?? image.name;
      return get(name, image.name, (build) => filesFor(image, name, build));
    },

    /** The version of the OCI archive of a built image. */
    archive: async (name: string): Promise<Pin> => {
      const build = await get(name, ARCHIVE, ({ files }) => [archiveIn(files)]);
      const pin = build.files.get(archiveIn(build.files));
      if (!pin) throw new Error('it was replaced just now');
      return pin;
    },

    /** Has builds looked at anew when they are next asked for, however lately they were. */
    expire: () => current.expire(),
  };
}

/** The file of a build that is its archive. */
const archiveIn = (files: Build['files']): string => (files.has(ROOT_FILES.oci) ? ROOT_FILES.oci : ARCHIVE);

/** The files of a build that an image's machines fetch. */
function filesFor(image: Image, name: string, build: Pick<Build, 'files'>): readonly string[] {
  const root = rootOf(image, build) ?? { method: 'none' };
  return sourcesOf({ ...image, root }).flatMap((source) => {
    if (source.kind === 'image' && source.name === name) return [archiveIn(build.files)];
    const file = source.kind === 'artifact' ? fileOfBuild(name, source.path) : undefined;
    return file === undefined ? [] : [file];
  });
}
