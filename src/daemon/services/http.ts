import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApp } from '../../http/app.ts';
import type { AppOptions } from '../../http/app-options.ts';
import { withMacs } from '../../http/macs.ts';
import { createSender } from '../../http/send/send.ts';
import { startHttp } from '../../http/server/server.ts';
import { startHttpWorkers } from '../../http/workers/workers.ts';
import { NO_TOKEN } from '../../model/boot/boot-plan.ts';
import type { HttpSettings } from '../../model/settings/config.ts';
import { findMatch } from '../../model/settings/recognise.ts';
import { createConfigurationSource } from '../configuration/source.ts';
import { createContainersSource } from '../containers/source.ts';
import { scriptForBoot, scriptForKexec } from '../fleet/script-for-boot.ts';
import { mirrorOf, registryOf } from '../serving/serving-state.ts';
import { listenAddresses, type NetworkService, type ServiceContext } from './service.ts';

/** The memory of downloads in buffers unless the configuration says otherwise, MiB. */
const BUFFER_MEMORY = 32;
/** The most workers unless the configuration says otherwise: more would wait for the network. */
const MAX_WORKERS = 8;
/** The program of an HTTP worker, as it is or compiled. */
const WORKER = fileURLToPath(new URL(`../../http/workers/worker${extname(import.meta.url)}`, import.meta.url));

/** HTTP, in this process or in several workers. */
export function httpService({
  state,
  scripts,
  facts,
  fleet,
  metrics,
  syscalls,
  record,
  now,
  monotonic,
}: ServiceContext): NetworkService {
  const options: AppOptions = {
    scripts: {
      bootstrap: scripts.bootstrap,
      forMac: (mac, request) => scriptForBoot(mac, request, scripts, fleet, record),
      explain: (mac, { told, arrival }) => scripts.explain(mac, told, arrival),
    },
    artifacts: {
      open: (path) => state().store.open(path),
      openBlob: (digest) => state().store.openBlob(digest),
    },
    bootFiles: { open: (name) => state().bootFiles.open(name) },
    registry: registryOf(state),
    mirror: mirrorOf(state),
    configuration: createConfigurationSource({
      config: () => state().config,
      match: (mac) => findMatch(state().config, facts.of(mac)),
      access: fleet.access,
      root: scripts.root,
      file: async (mac, template) => {
        const text = await scripts.file(mac, template);
        return text?.replaceAll(`/report/${NO_TOKEN}`, `/report/${fleet.tokenOf(mac)}`);
      },
      env: process.env,
      record,
      monotonic,
    }),
    containers: createContainersSource({
      config: () => state().config,
      servers: () => state().servers,
      match: (mac) => findMatch(state().config, facts.of(mac)),
      documentOf: scripts.documentOf,
      kexec: (mac, request) => {
        const told = facts.hasTold(mac) ? facts.of(mac) : undefined;
        return scriptForKexec(mac, { ...request, told }, scripts, fleet, record);
      },
      facts,
      fleet,
      record,
      now,
      monotonic,
    }),
    fleet,
    metrics,
    record: withMacs(record, monotonic),
    now,
    monotonic,
  };
  /** @param hosts addresses that are served: they share the processors and the memory */
  const start = (host: string, http: HttpSettings, hosts: number) => {
    const { port, workers, sendfile = true, bufferMemory = BUFFER_MEMORY, perAddress } = http;
    const count = workers ?? Math.ceil(Math.min(availableParallelism(), MAX_WORKERS) / hosts);
    const bytes = Math.ceil((bufferMemory * 1024 * 1024) / count / hosts);
    if (count > 1) {
      const settings = { host, port, sendfile, bufferMemory: bytes, perAddress };
      return startHttpWorkers({ count, program: WORKER, settings, options });
    }
    const send = createSender({ syscalls, sendfile, bufferMemory: bytes, now: monotonic });
    const app = createApp(options, send);
    return startHttp({ host, port, app, perAddress, syscalls, record: options.record, now: monotonic });
  };
  return {
    name: 'http',
    plans: (current) => {
      const { http } = current.config.server;
      if (http === false) return [];
      const hosts = listenAddresses(current);
      return hosts.map((host) => ({
        key: JSON.stringify([http, host]),
        start: () => start(host, http, hosts.length),
      }));
    },
  };
}
