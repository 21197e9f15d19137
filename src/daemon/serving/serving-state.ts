import { mkdir } from 'node:fs/promises';
import { type BootFiles, bootFileFolders, findBootFiles } from '../../artifacts/boot-files.ts';
import { openStore, type Store, storeFolder } from '../../artifacts/store/store.ts';
import { type StoreWatch, watchStore } from '../../artifacts/watch.ts';
import { type OpenMirror, openMirror } from '../../images/mirror/mirror.ts';
import { createServedImages, type ServedImages } from '../../images/store/served-images.ts';
import { createScripts } from '../../ipxe-templates/scripts/scripts.ts';
import type { Scripts } from '../../ipxe-templates/scripts/wanted.ts';
import { usedArtifacts } from '../../model/boot/used-files.ts';
import type { RecordEvent } from '../../model/event.ts';
import type { Mirror, NotMirrored } from '../../model/files/mirrored.ts';
import { rateLimitedLog } from '../../model/limits/rate-limited-log.ts';
import type { KnownFacts } from '../../model/machine/known-facts.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { Config } from '../../model/settings/config.ts';
import type { ServerIdentities } from '../../model/settings/served-by.ts';
import { readSecret } from '../configuration/secrets.ts';
import { machineDocument } from '../containers/documents.ts';
import { openImageBlob } from '../versions/archives.ts';
import { createVersions, type Versions } from '../versions/versions.ts';
import type { CheckedConfig } from './checked-config.ts';
import { resolveIdentities } from './identity.ts';

/** Milliseconds after its last write for which a file may still be being written. */
const SETTLE_MS = 1000;

/** The data from which requests are answered; replaced whole when something in it changes. */
export interface ServingState extends CheckedConfig {
  readonly servers: ServerIdentities;
  readonly store: Store;
  readonly versions: Versions;
  readonly bootFiles: BootFiles;
  /** Other registries' images, beside the artifacts. */
  readonly mirror: OpenMirror;
}

/** The daemon's log and clocks. */
export interface DaemonOptions {
  readonly record: RecordEvent;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** With a log that requests from the network cannot flood. */
const limited = ({ record, now, monotonic }: DaemonOptions): DaemonOptions => ({
  ...{ record: rateLimitedLog(record, monotonic), now, monotonic },
});

async function openArtifacts({ artifacts: root }: Config, options: DaemonOptions): Promise<Store> {
  const { record } = options;
  try {
    if ((await mkdir(root, { recursive: true })) !== undefined) {
      record({ event: 'artifact.folder', level: 'warn', message: `artifacts: made ${root}, which did not exist` });
    }
    return await openStore({ root, ...limited(options), settleMs: SETTLE_MS });
  } catch (cause) {
    throw new Error(`artifacts: ${plainMessage(cause)}; make the folder, or name another with artifacts:`, { cause });
  }
}

/**
 * Opens the folders that a configuration names; unchanged ones are taken from the previous serving state.
 * @throws Error with the remedy if the machine lacks the address or folder
 */
export async function openServingState(
  checked: CheckedConfig,
  options: DaemonOptions,
  before?: ServingState,
): Promise<ServingState> {
  const { config } = checked;
  const own = config.server.ipxe;
  const sameStore = before?.config.artifacts === config.artifacts;
  const sameBootFiles = before !== undefined && before.config.server.ipxe === own;
  const store = sameStore ? before.store : await openArtifacts(config, options);
  const secret = (source: string) => readSecret(source, checked.config.folder, process.env);
  return {
    ...checked,
    mirror: sameStore ? before.mirror : await openMirror({ own: storeFolder(store.root), secret, ...limited(options) }),
    servers: resolveIdentities(config.server),
    bootFiles: sameBootFiles ? before.bootFiles : await findBootFiles(bootFileFolders(own), options.record),
    store,
    versions: sameStore ? before.versions : createVersions(store, options.record, options.monotonic),
  };
}

/** Ends what works in the folders of a serving state. */
export async function closeFolders({ store, mirror }: ServingState): Promise<void> {
  await mirror.close();
  await store.close();
}

/**
 * Watches the artifacts of the current state, in its current folder.
 * @param onName called when a name in the folder has been replaced
 */
export function watchArtifacts(
  state: () => ServingState,
  { record }: DaemonOptions,
  onName: () => void,
): Promise<StoreWatch> {
  return watchStore({
    store: state().store,
    paths: () => usedArtifacts(state().config).flatMap(({ form, path }) => (form === 'image' ? [] : [path])),
    record,
    onName,
    settleMs: SETTLE_MS,
    onChange: (path) =>
      record({
        event: 'artifact.changed',
        level: 'info',
        message: `${path} has a new version; nodes get it from now on`,
      }),
  });
}

/** The scripts of the current state. */
export function scriptsOf(state: () => ServingState, facts: KnownFacts): Scripts {
  return createScripts(facts, () => {
    const { config, templates, servers, versions } = state();
    return {
      config,
      templates,
      servers,
      ...versions,
      document: (match, server) => machineDocument(match, server, config),
    };
  });
}

type Registry = Omit<ServedImages, 'names'> & { names(): Promise<readonly string[] | undefined> };

/** A registry of the current images; `names` gives undefined if the configuration turns the registry off. */
export function registryOf(state: () => ServingState): Registry {
  const images = () => {
    const { store } = state();
    return createServedImages(store.root, (digest) => openImageBlob(store, digest));
  };
  return {
    names: async () => (state().config.server.registry ? await images().names() : undefined),
    manifest: (name, digest) => images().manifest(name, digest),
    blob: (digest) => images().blob(digest),
  };
}

/** The images of other registries that the current configuration names. */
export function mirrorOf(state: () => ServingState): Mirror {
  const none: NotMirrored = { ok: false, reason: 'missing', why: 'no such image' };
  return {
    manifest: async (...args) => {
      const { mirror, config } = state();
      const { registry } = config.server;
      return registry === false ? none : mirror.manifest(registry, ...args);
    },
    blob: async (...args) => {
      const { mirror, config } = state();
      const { registry } = config.server;
      return registry === false ? none : mirror.blob(registry, ...args);
    },
  };
}
