import type { Config } from '../../../model/settings/config.ts';

const knownTotals = new WeakMap<Config, ReadonlyMap<string, number>>();

/** How many nodes each image has, counted once for each configuration. */
export function totals(config: Config): ReadonlyMap<string, number> {
  const known = knownTotals.get(config);
  if (known) return known;
  const counts = new Map<string, number>();
  for (const { settings } of config.nodes) {
    const image = settings.image?.value.name;
    if (image !== undefined) counts.set(image, (counts.get(image) ?? 0) + 1);
  }
  knownTotals.set(config, counts);
  return counts;
}
