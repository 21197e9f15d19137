import { Unusable } from '../config/config-error.ts';
import { formatProblem } from '../model/config.ts';
import { plainMessage } from '../model/plain-error.ts';
import { loadSnapshot, type Snapshot } from './checked-config.ts';
import { watchAll } from './reload.ts';
import { startServices } from './services.ts';
import {
  type FoundBuild,
  type Means,
  makeWorld,
  missingBinaries,
  missingTemplates,
  usedArtifacts,
  usedBuilds,
  type World,
  watchWorld,
} from './serving-state.ts';
import { listUnknown } from './unknown-machines.ts';
import { versionInForce } from './versions/current.ts';

/** The daemon at work. */
export interface Daemon {
  /** Stops everything, in the reverse order of the start; running downloads get some seconds. */
  stop(why: string): Promise<void>;
}

/** Looks at what nodes will ask for, so that what is missing shows before they do, and digests are ready. */
async function prepare(world: World, { record }: Means): Promise<void> {
  for (const message of missingBinaries(world)) record({ event: 'bootfile.missing', level: 'warn', message });
  const missing = world.missing.map((problem) => `${formatProblem(problem)}; its machines do not boot`);
  for (const message of [...missing, ...missingTemplates(world.config)]) {
    record({ event: 'config.warning', level: 'warn', message });
  }
  const builds = new Map<string, FoundBuild>();
  await Promise.all(
    usedBuilds(world.config).map(async (image) => {
      const build = await world.builds.inForce(image).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== undefined) throw error;
        const message = `images.${image.name} is the build ${image.build?.name}, which cannot be served: ${error.message}`;
        record({ event: 'artifact.missing', level: 'warn', message, path: image.build?.name });
        return 'missing' as const;
      });
      builds.set(image.name, build);
    }),
  );
  await Promise.all(
    usedArtifacts(world.config, builds).map(async (needed) => {
      await versionInForce(world.store, world.builds, needed).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== undefined) throw error;
        const message = `${needed.from} names ${needed.path}, which cannot be served: ${error.message}`;
        record({ event: 'artifact.missing', level: 'warn', message, path: needed.path });
      });
    }),
  );
}

/**
 * Runs the server with a configuration file, which is watched: a good change takes effect at once.
 * @throws Unusable for a configuration with problems at the start; Error with the remedy where a socket, a folder or
 * an address is not to be had
 */
export async function serve(configFile: string, outer: Means): Promise<Daemon> {
  const record = listUnknown(outer.record, () => world.config);
  const means = { ...outer, record };
  const loaded = await loadSnapshot(configFile);
  if (!loaded.ok) throw new Unusable(loaded.problems);
  let world: World = await makeWorld(loaded.snapshot, outer);
  const services = await startServices(() => world, means);
  /** Has new builds made ready before a machine asks; what is missing was told before. */
  const onName = () => {
    world.builds.expire();
    for (const image of usedBuilds(world.config)) world.builds.inForce(image).catch(() => {});
  };
  let artifacts = await watchWorld(() => world, means, onName);

  const prepareInBackground = () => {
    prepare(world, means).catch((error: Error) => {
      record({ event: 'artifact.error', level: 'error', message: `artifacts: ${plainMessage(error)}` });
    });
  };

  const adopt = async (snapshot: Snapshot) => {
    const before = world;
    world = await makeWorld(snapshot, means, before);
    try {
      await services.update();
    } catch (error) {
      if (world.store !== before.store) await world.store.close();
      world = before;
      await services.update();
      throw error;
    }
    if (world.store !== before.store) {
      await artifacts.stop();
      await before.store.close();
      artifacts = await watchWorld(() => world, means, onName);
    } else await artifacts.refresh();
    prepareInBackground();
  };

  const { config } = world;
  const reload = await watchAll({ file: configFile, config, text: loaded.text, record, adopt });
  record({
    event: 'ready',
    level: 'info',
    message: `serving ${config.nodes.length} node(s); ${services.listening().join(', ')}`,
    nodes: config.nodes.length,
    address: world.server.address,
    http: world.server.httpPort,
  });
  prepareInBackground();

  return {
    async stop(why) {
      record({ event: 'stopping', level: 'info', message: `${why}: stopping` });
      await reload.stop();
      await artifacts.stop();
      await services.stop();
      await world.store.close();
      record({ event: 'stopped', level: 'info', message: 'stopped' });
    },
  };
}
