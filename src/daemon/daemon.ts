import { ConfigError } from '../config/config-error.ts';
import { type FoundBuild, usedArtifacts, usedBuilds } from '../model/boot/used-files.ts';
import { formatProblem } from '../model/config.ts';
import { plainMessage } from '../model/plain-error.ts';
import { type CheckedConfig, loadCheckedConfig, missingTemplates } from './checked-config.ts';
import { watchAll } from './reload.ts';
import { startServices } from './services.ts';
import {
  type DaemonOptions,
  missingBinaries,
  openServingState,
  type ServingState,
  watchArtifacts,
} from './serving-state.ts';
import { listUnknown } from './unknown-machines.ts';

/** The daemon at work. */
export interface Daemon {
  /** Stops everything, in the reverse order of the start; running downloads get some seconds. */
  stop(why: string): Promise<void>;
}

/** Looks at what nodes will ask for, so that what is missing shows before they do, and digests are ready. */
async function prepare(state: ServingState, { record }: DaemonOptions): Promise<void> {
  for (const message of missingBinaries(state)) record({ event: 'bootfile.missing', level: 'warn', message });
  const missing = state.missing.map((problem) => `${formatProblem(problem)}; its machines do not boot`);
  for (const message of [...missing, ...missingTemplates(state.config)]) {
    record({ event: 'config.warning', level: 'warn', message });
  }
  const builds = new Map<string, FoundBuild>();
  await Promise.all(
    usedBuilds(state.config).map(async (image) => {
      const build = await state.versions.build(image).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== undefined) throw error;
        const message = `images.${image.name} is the build ${image.build?.name}, which cannot be served: ${error.message}`;
        record({ event: 'artifact.missing', level: 'warn', message, path: image.build?.name });
        return 'missing' as const;
      });
      builds.set(image.name, build);
    }),
  );
  await Promise.all(
    usedArtifacts(state.config, builds).map(async (needed) => {
      await state.versions.pin(needed).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== undefined) throw error;
        const message = `${needed.from} names ${needed.path}, which cannot be served: ${error.message}`;
        record({ event: 'artifact.missing', level: 'warn', message, path: needed.path });
      });
    }),
  );
}

/**
 * Runs the server with a configuration file, which is watched: a good change takes effect at once.
 * @throws ConfigError for a configuration with problems at the start; Error with the remedy where a socket, a folder or
 * an address is not to be had
 */
export async function serve(configFile: string, outer: DaemonOptions): Promise<Daemon> {
  const record = listUnknown(outer.record, () => state.config);
  const options = { ...outer, record };
  const loaded = await loadCheckedConfig(configFile);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  let state: ServingState = await openServingState(loaded.snapshot, outer);
  const services = await startServices(() => state, options);
  /** Has new builds made ready before a machine asks; what is missing was told before. */
  const onName = () => {
    state.versions.expireBuilds();
    for (const image of usedBuilds(state.config)) state.versions.build(image).catch(() => {});
  };
  let artifacts = await watchArtifacts(() => state, options, onName);

  const prepareInBackground = () => {
    prepare(state, options).catch((error: Error) => {
      record({ event: 'artifact.error', level: 'error', message: `artifacts: ${plainMessage(error)}` });
    });
  };

  const adopt = async (snapshot: CheckedConfig) => {
    const before = state;
    state = await openServingState(snapshot, options, before);
    try {
      await services.update();
    } catch (error) {
      if (state.store !== before.store) await state.store.close();
      state = before;
      await services.update();
      throw error;
    }
    if (state.store !== before.store) {
      await artifacts.stop();
      await before.store.close();
      artifacts = await watchArtifacts(() => state, options, onName);
    } else await artifacts.refresh();
    prepareInBackground();
  };

  const { config } = state;
  const reload = await watchAll({ file: configFile, config, text: loaded.text, record, adopt });
  record({
    event: 'ready',
    level: 'info',
    message: `serving ${config.nodes.length} node(s); ${services.listening().join(', ')}`,
    nodes: config.nodes.length,
    address: state.server.address,
    http: state.server.httpPort,
  });
  prepareInBackground();

  return {
    async stop(why) {
      record({ event: 'stopping', level: 'info', message: `${why}: stopping` });
      await reload.stop();
      await artifacts.stop();
      await services.stop();
      await state.store.close();
      record({ event: 'stopped', level: 'info', message: 'stopped' });
    },
  };
}
