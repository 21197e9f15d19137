import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DhcpIdentity } from '../dhcp/decide.ts';
import { startDhcp } from '../dhcp/server.ts';
import { createApp } from '../http/app.ts';
import type { AppOptions } from '../http/app-options.ts';
import { openSyscalls } from '../http/linux/syscalls.ts';
import { withMacs } from '../http/macs.ts';
import { createSender } from '../http/send/send.ts';
import { startHttp } from '../http/server.ts';
import { startHttpWorkers } from '../http/workers/workers.ts';
import { lazyRoots } from '../model/boot/used-files.ts';
import type { HttpSettings } from '../model/config.ts';
import { startNbd } from '../nbd/server.ts';
import { startTftp } from '../tftp/server.ts';
import { watchInterface } from './identity.ts';
import { nbdExports } from './nbd-exports.ts';
import { type Plan, ServiceSlot } from './service-slot.ts';
import { type DaemonOptions, registryOf, type ServingState, scriptsOf } from './serving-state.ts';
import { tftpSource } from './tftp-files.ts';

/** How long running downloads may go on after the server was told to stop, milliseconds. */
const GRACE_MS = 10_000;

/** What downloads may hold in buffers unless the configuration says otherwise, MiB. */
const BUFFER_MEMORY = 32;
/** HTTP workers unless the configuration says otherwise: more would wait for the network. */
const MOST_WORKERS = 8;
/** The program of an HTTP worker, as it is or compiled. */
const WORKER = fileURLToPath(new URL(`../http/workers/worker${extname(import.meta.url)}`, import.meta.url));

/** Where HTTP, TFTP and NBD listen. */
const listenAddress = ({ config, server }: ServingState): string =>
  config.server.listen === 'any' ? '0.0.0.0' : server.address;

/** The network services of the daemon. */
export interface Services {
  /** Where each listens, for people. */
  listening(): readonly string[];
  /** Starts anew what the serving state's `server:` section says otherwise by now. */
  update(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts HTTP, TFTP, NBD and proxyDHCP, in this order: a node is not told of what does not answer yet.
 * @throws Error with the remedy for a port that is not to be had; then none of them runs
 */
export async function startServices(state: () => ServingState, options: DaemonOptions): Promise<Services> {
  const { record, now, monotonic } = options;
  const scripts = scriptsOf(state);
  const httpDeps: AppOptions = {
    scripts,
    artifacts: {
      open: (path) => state().store.open(path),
      openBlob: (digest) => state().store.openBlob(digest),
    },
    bootFiles: { open: (name) => state().bootFiles.open(name) },
    registry: registryOf(state),
    record: withMacs(record, monotonic),
    now,
    monotonic,
  };
  const { syscalls, why } = await openSyscalls();
  if (why !== undefined) {
    const message = `files are sent through buffers, which takes more processor time: ${why}`;
    record({ event: 'http.no-sendfile', level: 'info', message });
  }
  const serveHttp = (host: string, http: HttpSettings) => {
    const { port, workers, sendfile = true, bufferMemory = BUFFER_MEMORY, perAddress } = http;
    const count = workers ?? Math.min(availableParallelism(), MOST_WORKERS);
    const bytes = Math.ceil((bufferMemory * 1024 * 1024) / count);
    if (count > 1) {
      const settings = { host, port, sendfile, bufferMemory: bytes, perAddress };
      return startHttpWorkers({ count, program: WORKER, settings, deps: httpDeps });
    }
    const send = createSender({ syscalls, sendfile, bufferMemory: bytes, now: monotonic });
    const app = createApp(httpDeps, send);
    return startHttp({ host, port, app, perAddress, syscalls, record: httpDeps.record, now: monotonic });
  };

  const identities = new WeakMap<ServingState, DhcpIdentity>();
  /** Asked for each packet. */
  const identity = (): DhcpIdentity => {
    const current = state();
    const known = identities.get(current);
    if (known) return known;
    const { server, config, bootFiles } = current;
    const made = {
      ...server,
      http: config.server.http !== false,
      tftp: config.server.tftp !== false,
      hasBootFile: bootFiles.has,
    };
    identities.set(current, made);
    return made;
  };

  const plans: Readonly<Record<string, (state: ServingState) => Plan | undefined>> = {
    http: (current) => {
      const { http } = current.config.server;
      const host = listenAddress(current);
      return http === false ? undefined : { key: JSON.stringify([http, host]), start: () => serveHttp(host, http) };
    },
    tftp: (current) => {
      const { tftp } = current.config.server;
      const address = listenAddress(current);
      if (tftp === false) return undefined;
      const open = tftpSource(state, scripts);
      return {
        key: JSON.stringify([tftp, address]),
        start: () => startTftp({ address, port: tftp.port, open, record, syscalls, now: monotonic }),
      };
    },
    nbd: (current) => {
      const { nbd } = current.config.server;
      const address = listenAddress(current);
      if (nbd === false || lazyRoots(current.config).length === 0) return undefined;
      return {
        key: JSON.stringify([nbd, address]),
        start: () => startNbd({ address, port: nbd.port, exports: nbdExports(state), record, now: monotonic }),
      };
    },
    dhcp: ({ config, server: { address, interface: device } }) => {
      if (config.server.dhcp.mode === 'off') return undefined;
      return {
        key: JSON.stringify([config.server.dhcp, address, device]),
        start: () => {
          const { descriptorOf, bindToDevice, growReceiveBuffer, sendNow } = syscalls ?? {};
          return startDhcp({
            address,
            device,
            config: () => state().config,
            identity,
            record,
            descriptorOf,
            bindToDevice,
            watchDevice: watchInterface,
            growReceiveBuffer,
            sendNow,
            now: monotonic,
          });
        },
      };
    },
  };

  const slots = Object.entries(plans).map(([name, plan]) => ({ name, plan, slot: new ServiceSlot(GRACE_MS) }));
  const update = async () => {
    for (const { name, plan, slot } of slots) {
      const before = slot.listening.join();
      await slot.put(plan(state()));
      if (slot.listening.join() === before) continue;
      const message = slot.listening.length > 0 ? `${name} listens on ${slot.listening.join(', ')}` : `${name} is off`;
      record({ event: 'listening', level: 'info', message, service: name });
    }
  };
  const stop = async () => {
    for (const { slot } of slots.toReversed()) await slot.stop();
  };
  try {
    await update();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    listening: () => slots.flatMap(({ name, slot }) => slot.listening.map((each) => `${name} ${each}`)),
    update,
    stop,
  };
}
