import type { Fleet } from '../../src/model/fleet/status.ts';

/** A fleet without machines. */
export const NO_FLEET: Fleet = {
  status: async () => [],
  boots: async () => [],
  boot: async () => undefined,
  bootsOf: async () => [],
  changes: () => new Promise(() => {}),
  report: async () => 'unknown',
};
