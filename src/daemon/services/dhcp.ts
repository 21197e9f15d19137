import type { DhcpIdentity } from '../../dhcp/decide.ts';
import { startDhcp } from '../../dhcp/server.ts';
import type { ServerIdentity } from '../../model/settings/server.ts';
import { watchInterface } from '../serving/identity.ts';
import type { ServingState } from '../serving/serving-state.ts';
import type { NetworkService, ServiceContext } from './service.ts';

/** Proxy-DHCP. */
export function dhcpService({ state, facts, syscalls, record, monotonic }: ServiceContext): NetworkService {
  /** The identity in one network, asked for each packet. */
  const identityOf = (server: ServerIdentity): (() => DhcpIdentity) => {
    let made: { readonly of: ServingState; readonly identity: DhcpIdentity } | undefined;
    return () => {
      const current = state();
      if (made?.of !== current) {
        const { http, tftp } = current.config.server;
        // A network that is no longer served may still be heard for a moment.
        const now = current.servers.find(({ address }) => address === server.address) ?? server;
        const identity = { ...now, http: http !== false, tftp: tftp !== false, hasBootFile: current.bootFiles.has };
        made = { of: current, identity };
      }
      return made.identity;
    };
  };
  return {
    name: 'dhcp',
    plans: ({ config, servers }) => {
      if (config.server.dhcp.mode === 'off') return [];
      return servers.map((server) => {
        const { address, interface: device } = server;
        return {
          key: JSON.stringify([config.server.dhcp, address, device]),
          start: () =>
            startDhcp({
              address,
              device,
              onlyThere: servers.length > 1,
              config: () => state().config,
              facts,
              identity: identityOf(server),
              record,
              syscalls,
              watchDevice: watchInterface,
              now: monotonic,
            }),
        };
      });
    },
  };
}
