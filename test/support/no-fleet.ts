import type { ConfigurationSource } from '../../src/model/configuration/answer.ts';
import type { ContainersSource } from '../../src/model/containers/answer.ts';
import type { Mirror } from '../../src/model/files/mirrored.ts';
import type { Fleet } from '../../src/model/fleet/status.ts';

/** A fleet without machines. */
export const NO_FLEET: Fleet = {
  status: async () => [],
  boots: async () => [],
  boot: async () => undefined,
  bootsOf: async () => [],
  changes: () => new Promise(() => {}),
  lastChange: async () => 0,
  nodes: async () => [],
  images: async () => [],
  script: async () => undefined,
  explain: async () => undefined,
  hasDashboard: async () => true,
  rollouts: async () => [],
  next: async () => undefined,
  orders: async () => [],
  order: async () => 'no-machine',
  output: async () => [],
  cancelPipeline: async () => false,
  cancel: async () => false,
  strangers: async () => [],
  adopt: async () => ({ problem: 'there is no file' }),
  authorise: async () => undefined,
  readsAreOpen: async () => true,
  report: async () => 'unknown',
};

/** No other registry. */
export const NO_MIRROR: Mirror = {
  manifest: async () => ({ ok: false, reason: 'missing', why: 'no such image' }),
  blob: async () => ({ ok: false, reason: 'missing', why: 'no such image' }),
};

const nothing = async () => ({ ok: false, status: 404, why: 'nothing' }) as const;

/** A server whose machines have no configuration. */
export const NO_CONFIGURATION: ConfigurationSource = { document: nothing, session: nothing, metadata: nothing };

const unknown = async () => ({ status: 404, text: 'nothing' });

/** A server whose machines run no containers. */
export const NO_CONTAINERS: ContainersSource = {
  shown: unknown,
  document: unknown,
  next: unknown,
  kexec: unknown,
  output: unknown,
  step: unknown,
  stored: unknown,
  change: unknown,
};
