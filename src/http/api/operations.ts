import { z } from 'zod';
import type { Fleet } from '../../model/fleet/status.ts';
import { boot, explainedBoot, machineStatus } from './schemas.ts';

/** An operation of the API that reads: `GET /api/v1` and its path. */
export interface Operation {
  /** With parameters as OpenAPI writes them: `/boots/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Parameters of path and query. */
  readonly parameters: z.ZodObject;
  readonly answer: z.ZodType;
  /** Undefined where there is no such thing. */
  run(fleet: Fleet, parameters: Record<string, unknown>): Promise<unknown>;
}

/** An operation whose parameters have the types of their schemas. */
function operation<P extends z.ZodObject>(
  given: Omit<Operation, 'parameters' | 'run'> & {
    readonly parameters: P;
    run(fleet: Fleet, parameters: z.infer<P>): Promise<unknown>;
  },
): Operation {
  return given as Operation;
}

const limit = z.coerce.number().int().min(1).max(1000).default(20).describe('How many at most.');
const machine = z.string().min(1).max(100).describe("A node's name, or a MAC address in any spelling.");

/** All operations that read, in the order of their description. */
export const OPERATIONS: readonly Operation[] = [
  operation({
    path: '/status',
    summary: 'The last boot of each machine, as it stands now',
    parameters: z.object({ machine: machine.optional() }),
    answer: z.object({ machines: z.array(machineStatus) }),
    run: async (fleet, { machine: wanted }) => {
      const all = await fleet.status();
      const machines = wanted === undefined ? all : all.filter(({ node, mac }) => node === wanted || mac === wanted);
      return { machines };
    },
  }),
  operation({
    path: '/boots',
    summary: 'Boots of one machine, the newest first',
    parameters: z.object({ machine, limit }),
    answer: z.object({ boots: z.array(boot) }),
    run: async (fleet, { machine: wanted, limit: max }) => ({ boots: await fleet.boots(wanted, max) }),
  }),
  operation({
    path: '/boots/{id}',
    summary: 'One boot with all of its steps',
    parameters: z.object({ id: z.string().regex(/^[0-9a-f]{16}$/) }),
    answer: explainedBoot,
    run: (fleet, { id }) => fleet.boot(id),
  }),
  operation({
    path: '/images/{image}/boots',
    summary: 'Boots with an image that came up, with their steps, the newest first',
    parameters: z.object({ image: z.string().min(1).max(100), limit }),
    answer: z.object({ boots: z.array(explainedBoot) }),
    run: async (fleet, { image, limit: max }) => ({ boots: await fleet.bootsOf(image, max) }),
  }),
];
