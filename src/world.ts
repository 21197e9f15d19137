import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type BootFiles, findBootFiles, PACKAGE_FOLDERS } from './artifacts/boot-files.ts';
import { openStore, type Store } from './artifacts/store.ts';
import { watchStore } from './artifacts/watch.ts';
import { resolveIdentity } from './identity.ts';
import { createScripts, type Scripts } from './ipxe-templates/scripts.ts';
import { neededArtifacts, type Pin } from './model/boot-plan.ts';
import { type Config, findNode } from './model/config.ts';
import type { RecordEvent } from './model/event.ts';
import type { ServerIdentity } from './model/server.ts';
import type { Snapshot } from './snapshot.ts';

/** A file whose last write is younger than this may still be being written, milliseconds. */
const SETTLE_MS = 1000;

/** All that requests are answered from; replaced whole when something of it changes. */
export interface World extends Snapshot {
  readonly server: ServerIdentity;
  readonly store: Store;
  readonly bootFiles: BootFiles;
}

/** What the daemon takes from outside. */
export interface Means {
  readonly record: RecordEvent;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

async function openArtifacts({ artifacts: root }: Config, { record, now }: Means): Promise<Store> {
  try {
    if ((await mkdir(root, { recursive: true })) !== undefined) {
      record({ event: 'artifact.folder', level: 'warn', message: `artifacts: made ${root}, which did not exist` });
    }
    return await openStore({ root, record, now, settleMs: SETTLE_MS });
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(`artifacts: ${message}; make the folder, or name another with artifacts:`, { cause });
  }
}

/**
 * Opens what a configuration names, and takes over from the world before what is still the same.
 * @throws Error with the remedy where the machine has no such address or folder
 */
export async function makeWorld(snapshot: Snapshot, means: Means, before?: World): Promise<World> {
  const { config } = snapshot;
  const own = config.server.ipxe;
  const sameStore = before?.config.artifacts === config.artifacts;
  const sameBootFiles = before !== undefined && before.config.server.ipxe === own;
  return {
    ...snapshot,
    server: resolveIdentity(config.server),
    bootFiles: sameBootFiles
      ? before.bootFiles
      : await findBootFiles(own === undefined ? PACKAGE_FOLDERS : [own, ...PACKAGE_FOLDERS], means.record),
    store: sameStore ? before.store : await openArtifacts(config, means),
  };
}

/** Watches the artifacts of a world. */
export function watchWorld({ store }: World, { record }: Means): Promise<{ stop(): Promise<void> }> {
  return watchStore({
    store,
    record,
    settleMs: SETTLE_MS,
    onChange: (path) =>
      record({
        event: 'artifact.changed',
        level: 'info',
        message: `${path} has a new version; nodes get it from now on`,
      }),
  });
}

/** For how long a version is taken for the one in force without a look at its file, milliseconds. */
const LOOK_EVERY = 500;

/**
 * The versions in force for scripts. A file is looked at twice a second at most, however many ask; a version that the
 * store has put in force meanwhile counts at once.
 */
function pinsOf(store: Store, monotonic: () => number): (path: string) => Promise<Pin> {
  const looked = new Map<
    string,
    { readonly at: number; readonly pin: Promise<Pin>; readonly inForce: Pin | undefined }
  >();
  const look = async (path: string) => {
    const result = await store.pin(path);
    if (!result.ok) throw new Error(result.why);
    looked.set(path, { at: monotonic(), pin: Promise.resolve(result.pin), inForce: store.pinned(path) });
    return result.pin;
  };
  return (path) => {
    const last = looked.get(path);
    if (last && last.inForce === store.pinned(path) && monotonic() - last.at < LOOK_EVERY) return last.pin;
    return look(path);
  };
}

/** The scripts of the world in force. */
export function worldScripts(world: () => World, { monotonic }: Pick<Means, 'monotonic'>): Scripts {
  const pins = new WeakMap<Store, (path: string) => Promise<Pin>>();
  return createScripts(() => {
    const { config, templates, server, store } = world();
    const pin = pins.get(store) ?? pinsOf(store, monotonic);
    pins.set(store, pin);
    return { config, templates, server, pin };
  });
}

/** A folder of templates that is named and does not exist: no mistake, but perhaps not what was meant. */
export function missingTemplates({ templates }: Config): readonly string[] {
  return templates === undefined || existsSync(templates) ? [] : [`templates: ${templates} does not exist`];
}

/** The iPXE binaries that PCs would be told to fetch and that this server does not have, each with the remedy. */
export function missingBinaries({ config, bootFiles }: World): readonly string[] {
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

/** The artifacts that a configuration's machines need, each with one place that names it. */
export function usedArtifacts(config: Config): ReadonlyMap<string, string> {
  const used = new Map<string, string>();
  const strangers = { mac: '' as never, settings: config.unknown, why: '' };
  for (const match of [
    ...config.kinds.flatMap(({ macs }) => macs.slice(0, 1).map((mac) => findNode(config, mac))),
    strangers,
  ]) {
    if (match.settings.action.value !== 'boot') continue;
    for (const path of neededArtifacts(match)) {
      if (!used.has(path)) used.set(path, `images.${match.settings.image?.value.name}`);
    }
  }
  return used;
}
