import { ConfigError } from '../config/config-error.ts';
import { usedBuilds } from '../model/boot/used-files.ts';
import type { BootEvent, RecordEvent } from '../model/event.ts';
import { KnownFacts } from '../model/machine/known-facts.ts';
import { plainMessage } from '../model/plain-error.ts';
import { createFitLog } from './fit/log-misfits.ts';
import type { FleetMemory } from './fleet/fleet.ts';
import { openFleet } from './fleet/open-fleet.ts';
import { listUnknown } from './fleet/unknown-machines.ts';
import type { Observer } from './observe/observer.ts';
import { watchAll } from './reload.ts';
import { dhcpService } from './services/dhcp.ts';
import { httpService } from './services/http.ts';
import { nbdService } from './services/nbd.ts';
import { startServices } from './services/services.ts';
import { tftpService } from './services/tftp.ts';
import { type CheckedConfig, loadCheckedConfig } from './serving/checked-config.ts';
import { metricsOf, observe } from './serving/observed.ts';
import { prepare } from './serving/prepare.ts';
import {
  closeFolders,
  type DaemonOptions,
  openServingState,
  type ServingState,
  scriptsOf,
  watchArtifacts,
} from './serving/serving-state.ts';
import { keepStore } from './state/store.ts';

/** A running daemon. */
export interface Daemon {
  /** What it serves, in a few words. */
  status(): string;
  /** Reads the configuration and the templates though no change was seen; the log says what came of it. */
  reload(): Promise<void>;
  /** Stops everything, in the reverse order of the start; running downloads get some seconds to finish. */
  stop(why: string): Promise<void>;
}

/** How often versions that are still wanted are named to the store, which drops what nobody asks for in an hour. */
const KEEP_EVERY = 20 * 60_000;
/** The network services, in the order of starting. DHCP is last: no node is told of a service that does not run yet. */
const SERVICES = [httpService, tftpService, nbdService, dhcpService];

/** The surroundings of {@link serve}. */
export interface ServeSurroundings extends DaemonOptions {
  /** That of Slipway. */
  readonly version: string;
  /** Called with the addresses of HTTP when all services run, and whenever the configuration has changed. */
  readonly onServing: (http: readonly string[]) => Promise<void>;
}

/**
 * Runs the server with a configuration file, and watches the file: valid changes take effect at once.
 * @param outer the log, the clocks, and the version of Slipway
 * @throws ConfigError for a configuration with problems at the start; Error with the remedy if a socket, a folder or an
 * address is not available
 */
export async function serve(configFile: string, outer: ServeSurroundings): Promise<Daemon> {
  const facts = new KnownFacts();
  let fleet: FleetMemory | undefined;
  let observer: Observer | undefined;
  const fit = createFitLog(outer.record);
  const take = (event: BootEvent) => {
    outer.record(event);
    fleet?.observe(event);
    observer?.observe(event);
    fit.observe(event);
  };
  const record: RecordEvent = Object.assign(
    listUnknown(take, () => state.config, facts),
    { count: (event: BootEvent) => observer?.count(event) },
  );
  const options = { ...outer, record };
  const loaded = await loadCheckedConfig(configFile);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  let state: ServingState = await openServingState(loaded.checked, options);
  const scripts = scriptsOf(() => state, facts);
  const { state: place } = state.config;
  const store = place === false ? undefined : keepStore({ place, ...options });
  const watching = observe(() => state, { ...options, store });
  observer = watching;
  const outlets = { ...options, store, onNews: watching.takeNews };
  const memory = await openFleet(() => state, scripts, facts, configFile, outlets);
  fleet = memory;
  const metrics = () => metricsOf(watching, state, memory);
  const services = await startServices(SERVICES, () => state, {
    ...options,
    scripts,
    facts,
    fleet: memory,
    metrics,
  }).catch(async (error) => {
    await memory.stop();
    await store?.close();
    throw error;
  });
  /** Prepares new builds before a machine asks. Missing ones have been logged before. */
  const onName = () => {
    state.versions.expireBuilds();
    for (const image of usedBuilds(state.config)) state.versions.build(image).catch(() => {});
  };
  let artifacts = await watchArtifacts(() => state, options, onName);

  // Versions that rollouts return to are kept, though no machine may ask for them for long.
  const keeping = setInterval(async () => {
    for (const digest of await memory.keptDigests().catch(() => [])) state.store.use(digest);
  }, KEEP_EVERY);
  keeping.unref();

  const prepareInBackground = () => {
    const prepared = state;
    prepare(prepared, options)
      .then((builds) => fit.look(prepared, builds))
      .catch((error: Error) => {
        record({ event: 'artifact.error', level: 'error', message: `artifacts: ${plainMessage(error)}` });
      });
  };

  const adopt = async (checked: CheckedConfig) => {
    const before = state;
    state = await openServingState(checked, options, before);
    try {
      await services.update();
    } catch (error) {
      if (state.store !== before.store) await closeFolders(state);
      state = before;
      await services.update();
      throw error;
    }
    if (state.store !== before.store) {
      await artifacts.stop();
      await closeFolders(before);
      artifacts = await watchArtifacts(() => state, options, onName);
    } else await artifacts.refresh();
    await outer.onServing(services.addressesOf('http'));
    prepareInBackground();
  };

  const status = () => `serving ${state.config.nodes.length} node(s); ${services.listening().join(', ')}`;
  const { config } = state;
  const reload = await watchAll({ file: configFile, config, text: loaded.text, others: loaded.others, record, adopt });
  record({
    event: 'ready',
    level: 'info',
    message: status(),
    nodes: config.nodes.length,
    address: state.servers[0].address,
    http: state.servers[0].httpPort,
  });
  if (config.nodes.length === 0) {
    const remedy = '"slipway unknown" lists the machines that have asked, and "slipway adopt" makes nodes of them';
    record({ event: 'config.empty', level: 'info', message: `${configFile} has no nodes yet: ${remedy}` });
  }
  await outer.onServing(services.addressesOf('http'));
  prepareInBackground();

  return {
    status,
    reload: reload.reload,
    async stop(why) {
      record({ event: 'stopping', level: 'info', message: `${why}: stopping` });
      await reload.stop();
      await artifacts.stop();
      clearInterval(keeping);
      memory.endStreams();
      await services.stop();
      await memory.stop();
      await watching.stop();
      await store?.close();
      await closeFolders(state);
      record({ event: 'stopped', level: 'info', message: 'stopped' });
    },
  };
}
