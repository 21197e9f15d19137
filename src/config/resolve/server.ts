import { resolve as resolvePath } from 'node:path';
import type { Config } from '../../model/settings/config.ts';
import { toInterfaces } from '../interfaces.ts';
import type { ConfigFile } from '../schema.ts';
import { toMetrics } from './observe.ts';
import { toRegistry } from './registry.ts';

function toHttp(http: NonNullable<ConfigFile['server']>['http']): Config['server']['http'] {
  if (http === false) return false;
  const { port = 8080, workers, sendfile, buffer_memory: bufferMemory, url } = http ?? {};
  const perAddress = http?.connections_per_address;
  return { port, workers, sendfile, bufferMemory, perAddress, url: url?.replace(/\/$/, '') };
}

/** @param baseDir the base of relative paths */
export function toServer(server: ConfigFile['server'], baseDir: string): Config['server'] {
  const port = (service: { port?: number | undefined } | false | null | undefined, standard: number) =>
    service === false ? (false as const) : { port: service?.port ?? standard };
  return {
    dashboard: server?.dashboard ?? true,
    registry: toRegistry(server?.registry),
    metrics: toMetrics(server?.metrics),
    interface: server?.interface,
    address: server?.address,
    interfaces: server?.interfaces && toInterfaces(server.interfaces),
    listen: server?.listen ?? 'served',
    http: toHttp(server?.http),
    tftp: port(server?.tftp, 69),
    nbd: port(server?.nbd, 10809),
    dhcp: { mode: server?.dhcp === false ? 'off' : (server?.dhcp?.mode ?? 'proxy') },
    ipxe: server?.ipxe === undefined ? undefined : resolvePath(baseDir, server.ipxe),
  };
}

/** The absolute path of a file, or a database's URL as it is. */
export function toState(state: ConfigFile['state'], baseDir: string): Config['state'] {
  if (state === false || state?.includes('://')) return state;
  return resolvePath(baseDir, state ?? './slipway.db');
}
