import { existsSync } from 'node:fs';

/** Default configuration files; the first that exists is used. */
const PLACES = ['./config.yaml', '/etc/slipway/config.yaml'];

/** Help text of `--config`. */
export const CONFIG_OPTION = `the configuration file, YAML (default: ${PLACES.join(', else ')})`;

/** The first default configuration file that exists. @throws Error with the remedy if there is none */
export function findConfig(): string {
  const found = PLACES.find((place) => existsSync(place));
  if (found === undefined) {
    throw new Error(`there is no configuration: expected ${PLACES.join(' or ')}, or --config FILE`);
  }
  return found;
}
