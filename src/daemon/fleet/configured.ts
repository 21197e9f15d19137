import type { Fleet } from '../../model/fleet/status.ts';
import type { Mac } from '../../model/machine/mac.ts';
import type { FleetOptions } from './fleet-options.ts';
import { totals } from './next/totals.ts';

/**
 * What the configuration in force has for machines.
 * @param macsOf the addresses of a machine that is named
 */
export function configured(
  { config, scripts }: Pick<FleetOptions, 'config' | 'scripts'>,
  macsOf: (machine: string) => readonly Mac[],
): Pick<Fleet, 'nodes' | 'images' | 'explain' | 'hasDashboard'> {
  return {
    nodes: async () =>
      config().nodes.map(({ name, macs, labels, profiles, settings }) => {
        const { action, image } = settings;
        return { name, macs, labels, profiles, action: action.value, image: image?.value.name };
      }),
    images: async () => {
      const nodes = totals(config());
      return await Promise.all(
        config().images.map(async (name) => ({
          ...(await scripts.contentsOf(name)),
          name,
          nodes: nodes.get(name) ?? 0,
        })),
      );
    },
    explain: async (machine) => {
      const [mac] = macsOf(machine);
      return mac && (await scripts.explain(mac));
    },
    hasDashboard: async () => config().server.dashboard,
  };
}
