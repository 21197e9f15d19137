import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '../../artifacts/store/store.ts';
import { type BuiltFiles, readBuiltFiles } from '../../images/store/built-files.ts';
import type { Pin } from '../../model/boot/boot-plan.ts';
import { type Build, fileOfBuild, rootOf } from '../../model/boot/build.ts';
import { type Image, sourcesOf } from '../../model/boot/image.ts';
import { ROOT_FILES } from '../../model/boot/root-kind.ts';
import type { RecordEvent } from '../../model/event.ts';
import { pinImageArchive } from './archives.ts';

/** For how long a build is taken for the one in force without a look at it, milliseconds. */
const LOOK_EVERY = 500;
/** How often a build is looked at that is just being replaced, and how long after each other, milliseconds. */
const ATTEMPTS = 4;
const PAUSE = 1000;
/** How long a version that is not whole is left alone, milliseconds. */
const RETRY_AFTER = 30_000;
/** What stands for the archive that is put together from an image's blobs among the files of a build. */
const ARCHIVE = 'oci:';

/** The builds among the artifacts, each as one: no machine is told of a kernel of one version and a root of another. */
export interface Builds {
  /**
   * The version in force of an image's build. A new one takes the place of the one before when all that machines need
   * of it is ready.
   * @throws Error that says what to do, where there is none or it is damaged
   */
  current(image: Image): Promise<Build>;
  /** The version of the OCI archive of a built image. */
  archive(name: string): Promise<Pin>;
  /** Has builds looked at anew when they are next asked for, however lately they were. */
  expire(): void;
}

/** The files that somebody needs of a build, by what the build has. */
type Needs = (build: Pick<Build, 'files'>) => readonly string[];

interface State {
  /** The version in force, with the files that are ready. */
  build: Build | undefined;
  ready: ReadonlySet<string>;
  /** When it was last looked at, milliseconds. */
  at: number;
  /** Who needs what, by the names of images. */
  readonly users: Map<string, Needs>;
  looking: Promise<void> | undefined;
  /** The version that is being made ready. */
  next: { readonly id: string; readonly ready: Promise<void> } | undefined;
  failed: { readonly id: string; readonly at: number; readonly error: Error } | undefined;
}

/** The version in force, if it has ready what somebody needs. */
const serves = ({ build, ready }: State, needs: Needs): Build | undefined =>
  build && needs(build).every((file) => ready.has(file)) ? build : undefined;

/** What {@link createBuilds} needs. */
export interface BuildsOptions {
  readonly store: Store;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** For tests: instead of a second. */
  readonly pauseMs?: number;
}

/** Watches over the builds in a store's folder. */
export function createBuilds({ store, record, monotonic, pauseMs = PAUSE }: BuildsOptions): Builds {
  const states = new Map<string, State>();
  const stateOf = (name: string): State => {
    const known = states.get(name);
    if (known) return known;
    const at = Number.NEGATIVE_INFINITY;
    const none = { build: undefined, looking: undefined, next: undefined, failed: undefined };
    const state: State = { ...none, at, ready: new Set(), users: new Map() };
    states.set(name, state);
    return state;
  };

  const read = async (name: string): Promise<BuiltFiles> => {
    const found = await readBuiltFiles(store.root, name);
    if (found) return found;
    throw new Error(`there is no such build: "slipway image build SOURCE --name ${name}" makes it`);
  };

  /** Puts a version in force, if each file that is needed is what its manifest says. */
  const enforce = async (name: string, state: State, built: BuiltFiles): Promise<boolean> => {
    const files = new Map<string, Pin>(built.files);
    const ready = new Set([...state.users.values()].flatMap((needs) => needs(built)));
    for (const file of ready) {
      if (file === ARCHIVE) files.set(file, await pinImageArchive(store, built.image));
      else {
        const result = await store.pin(`${name}/${file}`);
        if (!result.ok || result.pin.digest !== built.files.get(file)?.digest) return false;
      }
    }
    Object.assign(state, { build: { id: built.id, files }, ready, at: monotonic() });
    return true;
  };

  /** Makes the version ready that a name stands for in the end. */
  const makeReady = async (name: string, state: State): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      const before = state.build?.id;
      const built = await read(name);
      if (await enforce(name, state, built)) {
        const message = `image ${name}: build ${built.id.slice(0, 12)} is in force`;
        if (before !== built.id) record({ event: 'image.build', level: 'info', message, name, id: built.id });
        return;
      }
      if (attempt === ATTEMPTS) throw new Error('its files are not those of its manifest: build it again');
      // It was replaced just now, or is so young that the store does not trust it yet.
      await delay(pauseMs);
    }
  };

  const startNext = (name: string, state: State, id: string): Promise<void> => {
    const done = () => {
      state.next = undefined;
    };
    const ready = makeReady(name, state).then(done, (error: Error) => {
      done();
      state.failed = { id, at: monotonic(), error };
      const kept = state.build ? '; the build before stays in force' : '';
      record({ event: 'image.build', level: 'warn', message: `image ${name}: ${error.message}${kept}`, name });
      throw error;
    });
    ready.catch(() => {});
    state.next = { id, ready };
    return ready;
  };

  /** Brings a state up to date, or sees to it that it will be. */
  const look = async (name: string, state: State): Promise<void> => {
    let built: BuiltFiles;
    try {
      built = await read(name);
    } catch (error) {
      state.build = undefined;
      throw error;
    }
    // Looks at each file, and does no more where nothing changed.
    if (state.build?.id === built.id && (await enforce(name, state, built))) return;
    const older = state.build !== undefined && state.build.id !== built.id;
    if (older) state.at = monotonic();
    const { failed } = state;
    if (failed?.id === built.id && monotonic() - failed.at < RETRY_AFTER) {
      if (older) return;
      throw failed.error;
    }
    const next = state.next?.id === built.id ? state.next.ready : startNext(name, state, built.id);
    if (!older) await next;
  };

  const get = async (name: string, user: string, needs: Needs): Promise<Build> => {
    const state = stateOf(name);
    state.users.set(user, needs);
    let build = monotonic() - state.at < LOOK_EVERY ? serves(state, needs) : undefined;
    for (let attempt = 1; !build; attempt++) {
      state.looking ??= look(name, state).finally(() => {
        state.looking = undefined;
      });
      await state.looking;
      build = serves(state, needs);
      if (build) break;
      if (attempt === ATTEMPTS) throw new Error('it is replaced all the time');
      // The version in force cannot serve who is new.
      await state.next?.ready;
    }
    for (const file of needs(build)) {
      const pin = build.files.get(file);
      if (pin) store.use(pin.digest);
    }
    return build;
  };

  return {
    expire: () => {
      for (const state of states.values()) state.at = Number.NEGATIVE_INFINITY;
    },
    current: (image) => {
      const name = image.build?.name ?? image.name;
      return get(name, image.name, (build) => needsOf(image, name, build));
    },
    archive: async (name) => {
      const build = await get(name, ARCHIVE, ({ files }) => [archiveIn(files)]);
      const pin = build.files.get(archiveIn(build.files));
      if (!pin) throw new Error('it was replaced just now');
      return pin;
    },
  };
}

/** The file of a build that is its archive. */
const archiveIn = (files: Build['files']): string => (files.has(ROOT_FILES.oci) ? ROOT_FILES.oci : ARCHIVE);

/** The files of a build that an image's machines fetch. */
function needsOf(image: Image, name: string, build: Pick<Build, 'files'>): readonly string[] {
  const root = rootOf(image, build) ?? { method: 'none' };
  return sourcesOf({ ...image, root }).flatMap((source) => {
    if (source.kind === 'image' && source.name === name) return [archiveIn(build.files)];
    const file = source.kind === 'artifact' ? fileOfBuild(name, source.path) : undefined;
    return file === undefined ? [] : [file];
  });
}
