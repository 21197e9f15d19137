import { mkdir } from 'node:fs/promises';
import { type BootFiles, findBootFiles, PACKAGE_FOLDERS } from '../artifacts/boot-files.ts';
import { openStore, type Store } from '../artifacts/store/store.ts';
import { type StoreWatch, watchStore } from '../artifacts/watch.ts';
import { createServedImages, type ServedImages } from '../images/store/served-images.ts';
import { createScripts, type Scripts } from '../ipxe-templates/scripts.ts';
import { usedArtifacts } from '../model/boot/used-files.ts';
import type { Config } from '../model/config.ts';
import type { RecordEvent } from '../model/event.ts';
import { rateLimitedLog } from '../model/limits/rate-limited-log.ts';
import { plainMessage } from '../model/plain-error.ts';
import type { ServerIdentity } from '../model/server.ts';
import type { CheckedConfig } from './checked-config.ts';
import { resolveIdentity } from './identity.ts';
import { openImageBlob } from './versions/archives.ts';
import { createVersions, type Versions } from './versions/versions.ts';

/** A file whose last write is younger than this may still be being written, milliseconds. */
const SETTLE_MS = 1000;

/** All that requests are answered from; replaced whole when something of it changes. */
export interface ServingState extends CheckedConfig {
  readonly server: ServerIdentity;
  readonly store: Store;
  readonly versions: Versions;
  readonly bootFiles: BootFiles;
}

/** What the daemon takes from outside. */
export interface DaemonOptions {
  readonly record: RecordEvent;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

async function openArtifacts({ artifacts: root }: Config, { record, now, monotonic }: DaemonOptions): Promise<Store> {
  try {
    if ((await mkdir(root, { recursive: true })) !== undefined) {
      record({ event: 'artifact.folder', level: 'warn', message: `artifacts: made ${root}, which did not exist` });
    }
    // Names that lead nowhere good come from the network.
    return await openStore({ root, record: rateLimitedLog(record, monotonic), now, monotonic, settleMs: SETTLE_MS });
  } catch (cause) {
    throw new Error(`artifacts: ${plainMessage(cause)}; make the folder, or name another with artifacts:`, { cause });
  }
}

/**
 * Opens what a configuration names, and takes over from the serving state before what is still the same.
 * @throws Error with the remedy where the machine has no such address or folder
 */
export async function openServingState(
  snapshot: CheckedConfig,
  options: DaemonOptions,
  before?: ServingState,
): Promise<ServingState> {
  const { config } = snapshot;
  const own = config.server.ipxe;
  const sameStore = before?.config.artifacts === config.artifacts;
  const sameBootFiles = before !== undefined && before.config.server.ipxe === own;
  const store = sameStore ? before.store : await openArtifacts(config, options);
  return {
    ...snapshot,
    server: resolveIdentity(config.server),
    bootFiles: sameBootFiles
      ? before.bootFiles
      : await findBootFiles(own === undefined ? PACKAGE_FOLDERS : [own, ...PACKAGE_FOLDERS], options.record),
    store,
    versions: sameStore ? before.versions : createVersions(store, options.record, options.monotonic),
  };
}

/**
 * Watches the artifacts that the state in force uses, in the folder that it has now.
 * @param onName told when a name in the folder has come to mean something else
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

/** The scripts of the state in force. */
export function scriptsOf(state: () => ServingState): Scripts {
  return createScripts(() => {
    const { config, templates, server, versions } = state();
    return { config, templates, server, ...versions };
  });
}

type Registry = Omit<ServedImages, 'names'> & { names(): Promise<readonly string[] | undefined> };

/** The images of the state in force as a registry; none while the configuration does not say to offer them. */
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

/** The iPXE binaries that PCs would be told to fetch and that this server does not have, each with the remedy. */
export function missingBinaries({ config, bootFiles }: ServingState): readonly string[] {
  const { server, kinds, unknown } = config;
  if (server.dhcp.mode === 'off' && server.tftp === false) return [];
  const chosen = [unknown, ...kinds.map(({ settings }) => settings)].map(({ ipxe }) => ipxe.value);
  return [...new Set(['undionly.kpxe', ...chosen])]
    .filter((name) => !bootFiles.has(name))
    .map(
      (name) =>
        `there is no ${name} (iPXE) in ${[...(server.ipxe === undefined ? [] : [server.ipxe]), ...PACKAGE_FOLDERS].join(', ')}: ` +
        `install Debian's package ipxe or Fedora's ipxe-bootimgs-x86, or name a folder with server.ipxe`,
    );
}
