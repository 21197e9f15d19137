import type { DhcpIdentity } from '../../dhcp/decide.ts';
import { startDhcp } from '../../dhcp/server.ts';
import { watchInterface } from '../serving/identity.ts';
import type { ServingState } from '../serving/serving-state.ts';
import type { NetworkService, ServiceContext } from './service.ts';

/** Proxy-DHCP. */
export function dhcpService({ state, facts, syscalls, record, monotonic }: ServiceContext): NetworkService {
  const identities = new WeakMap<ServingState, DhcpIdentity>();
  /** Asked for each packet. */
  const identity = (): DhcpIdentity => {
    const current = state();
    const known = identities.get(current);
    if (known) return known;
    const { server, config, bootFiles } = current;
    const { http, tftp } = config.server;
    const made = { ...server, http: http !== false, tftp: tftp !== false, hasBootFile: bootFiles.has };
    identities.set(current, made);
    return made;
  };
  return {
    name: 'dhcp',
    plan: ({ config, server: { address, interface: device } }) => {
      if (config.server.dhcp.mode === 'off') return undefined;
      return {
        key: JSON.stringify([config.server.dhcp, address, device]),
        start: () =>
          startDhcp({
            address,
            device,
            config: () => state().config,
            facts,
            identity,
            record,
            syscalls,
            watchDevice: watchInterface,
            now: monotonic,
          }),
      };
    },
  };
}
