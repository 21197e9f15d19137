import { existsSync } from 'node:fs';

/** Where the configuration is looked for unless `--config` names it, the first that is there. */
const PLACES = ['./config.yaml', '/etc/slipway/config.yaml'];

/** What `--help` says of it. */
export const CONFIG_OPTION = `the configuration file, YAML (default: ${PLACES.join(', else ')})`;

/** @throws Error with the remedy where there is no configuration */
export function findConfig(): string {
  const found = PLACES.find((place) => existsSync(place));
  if (found === undefined) {
    throw new Error(`there is no configuration: expected ${PLACES.join(' or ')}, or --config FILE`);
  }
  return found;
}
