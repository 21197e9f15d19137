import { z } from 'zod';
import type { Access } from '../../model/fleet/access.ts';
import type { Fleet, MachineStatus } from '../../model/fleet/status.ts';
import {
  adoption,
  boot,
  configuredImage,
  configuredNode,
  explainedBoot,
  explanation,
  machineStatus,
  nextStatus,
  order,
  output,
  rollout,
  shownScript,
  stranger,
} from './schemas.ts';

/** A refusal of an operation, as it is answered. */
export class Refusal extends Error {
  readonly status: number;

  /** @param status of HTTP */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** An operation of the API: `/api/v1` and its path. */
export interface Operation {
  /** GET reads; the others need a token for changes. */
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With parameters as OpenAPI writes them: `/boots/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Parameters of path and query. */
  readonly parameters: z.ZodObject;
  /** The JSON that is sent, of those that change something. */
  readonly body?: z.ZodObject;
  readonly answer: z.ZodType;
  /**
   * Undefined where there is no such thing.
   * @throws Refusal
   */
  run(fleet: Fleet, given: Given<Record<string, unknown>, Record<string, unknown>>): Promise<unknown>;
}

/** What a request gives. */
interface Given<P, B> {
  readonly parameters: P;
  readonly body: B;
  /** Who changes something. */
  readonly access: Access;
  /** The IP address that the request came from. */
  readonly client: string;
}

/** An operation whose parameters have the types of their schemas. */
function operation<P extends z.ZodObject, B extends z.ZodObject>(
  given: Omit<Operation, 'parameters' | 'run' | 'method' | 'body'> & {
    readonly method?: Operation['method'];
    readonly parameters: P;
    readonly body?: B;
    run(fleet: Fleet, given: Given<z.infer<P>, z.infer<B>>): Promise<unknown>;
  },
): Operation {
  return { method: 'GET', ...given } as unknown as Operation;
}

const limit = z.coerce.number().int().min(1).max(1000).default(20).describe('How many at most.');
const machine = z.string().min(1).max(100).describe("A node's name, or a MAC address in any spelling.");
const bootId = z.string().regex(/^[0-9a-f]{16}$/);
const change = z.int().describe('The number of the last change that this includes: /events goes on from it.');
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);

/** Boots that failed come before those that may go on, and these before systems that are up but for something. */
const urgency = ({ outcome }: MachineStatus) => ['failed', 'under-way', 'unfinished', 'up'].indexOf(outcome);

/** All operations, in the order of their description. */
export const OPERATIONS: readonly Operation[] = [
  operation({
    path: '/status',
    summary: 'The last boot of each machine, as it stands now',
    parameters: z.object({ machine: machine.optional() }),
    answer: z.object({ machines: z.array(machineStatus), change }),
    run: async (fleet, { parameters: { machine: wanted } }) => {
      // First: of what comes between the two, a client hears twice.
      const last = await fleet.lastChange();
      const all = await fleet.status();
      const machines = wanted === undefined ? all : all.filter(({ node, mac }) => node === wanted || mac === wanted);
      return { machines, change: last };
    },
  }),
  operation({
    path: '/attention',
    summary: 'Machines whose last boot does not go on, those that failed first, then those heard of last',
    parameters: z.object({}),
    answer: z.object({ machines: z.array(machineStatus) }),
    run: async (fleet) => {
      const stuck = (await fleet.status()).filter(({ diagnosis }) => diagnosis !== undefined);
      return { machines: stuck.sort((a, b) => urgency(a) - urgency(b) || b.last - a.last) };
    },
  }),
  operation({
    path: '/nodes',
    summary: 'The nodes of the configuration',
    parameters: z.object({}),
    answer: z.object({ nodes: z.array(configuredNode) }),
    run: async (fleet) => ({ nodes: await fleet.nodes() }),
  }),
  operation({
    path: '/boots',
    summary: 'Boots of one machine, the newest first',
    parameters: z.object({ machine, limit }),
    answer: z.object({ boots: z.array(boot) }),
    run: async (fleet, { parameters }) => ({ boots: await fleet.boots(parameters.machine, parameters.limit) }),
  }),
  operation({
    path: '/boots/{id}',
    summary: 'One boot with all of its steps',
    parameters: z.object({ id: bootId }),
    answer: explainedBoot,
    run: (fleet, { parameters }) => fleet.boot(parameters.id),
  }),
  operation({
    path: '/boots/{id}/output',
    summary: 'Output of the pipeline of a boot',
    parameters: z.object({
      id: bootId,
      after: z.coerce.number().int().min(0).default(0).describe('The number of the last piece that is known.'),
    }),
    answer: z.object({ output: z.array(output) }),
    run: async (fleet, { parameters }) => ({ output: await fleet.output(parameters.id, parameters.after) }),
  }),
  operation({
    method: 'DELETE',
    path: '/boots/{id}/pipeline',
    summary: 'Cancels the pipeline of a boot',
    parameters: z.object({ id: bootId }),
    answer: z.object({ cancelled: z.literal(true) }),
    run: async (fleet, { parameters }) =>
      (await fleet.cancelPipeline(parameters.id)) ? { cancelled: true } : undefined,
  }),
  operation({
    path: '/images',
    summary: 'The images of the configuration, with what they are made of just now',
    parameters: z.object({}),
    answer: z.object({ images: z.array(configuredImage) }),
    run: async (fleet) => ({ images: await fleet.images() }),
  }),
  operation({
    path: '/images/{image}/boots',
    summary: 'Boots with an image that came up, with their steps, the newest first',
    parameters: z.object({ image: z.string().min(1).max(100), limit }),
    answer: z.object({ boots: z.array(explainedBoot) }),
    run: async (fleet, { parameters }) => ({ boots: await fleet.bootsOf(parameters.image, parameters.limit) }),
  }),
  operation({
    path: '/unknown',
    summary: 'Machines that no node names, those heard of last first',
    parameters: z.object({}),
    answer: z.object({ machines: z.array(stranger) }),
    run: async (fleet) => ({ machines: await fleet.strangers() }),
  }),
  operation({
    path: '/nodes/{machine}/next',
    summary: "Whether a machine's next boot differs from the one that it runs",
    parameters: z.object({ machine: machine.describe("A node's name, a MAC address, or self for the one that asks.") }),
    answer: nextStatus,
    run: (fleet, { parameters, client }) => fleet.next(parameters.machine, client),
  }),
  operation({
    path: '/nodes/{machine}/script',
    summary: "The script of a machine's next boot, without tokens",
    parameters: z.object({ machine }),
    answer: shownScript,
    run: (fleet, { parameters }) => fleet.script(parameters.machine),
  }),
  operation({
    path: '/nodes/{machine}/explanation',
    summary: 'Where each setting of a machine comes from',
    parameters: z.object({ machine }),
    answer: explanation,
    run: (fleet, { parameters }) => fleet.explain(parameters.machine),
  }),
  operation({
    path: '/rollouts',
    summary: 'How far the newest versions of images are, of those with rollout: or keep_last_good:',
    parameters: z.object({}),
    answer: z.object({ rollouts: z.array(rollout) }),
    run: async (fleet) => ({ rollouts: await fleet.rollouts() }),
  }),
  operation({
    path: '/orders',
    summary: 'What machines boot by order, in place of their settings',
    parameters: z.object({}),
    answer: z.object({ orders: z.array(order) }),
    run: async (fleet) => ({ orders: await fleet.orders() }),
  }),
  operation({
    method: 'PUT',
    path: '/orders/{machine}',
    summary: 'Orders what a machine boots next',
    parameters: z.object({ machine }),
    body: z.strictObject({
      image: z
        .string()
        .min(1)
        .max(100)
        .optional()
        .describe("An image's name, or local for the machine's own disk. Default: one that runs containers."),
      repeat: z.enum(['once', 'hold']).default('once').describe('For its next boot only, or until it is cancelled.'),
      containers: z
        .record(z.string(), z.unknown())
        .optional()
        .describe('What is to run there, as containers: of the configuration has it, without secrets.'),
    }),
    answer: z.object({ ordered: z.literal(true) }),
    run: async (fleet, { parameters, body, access }) => {
      const outcome = await fleet.order(parameters.machine, body, access.name);
      if (outcome === 'no-machine') throw new Refusal(404, `there is no node ${JSON.stringify(parameters.machine)}`);
      if (typeof outcome === 'object') throw new Refusal(400, outcome.problem);
      if (outcome === 'no-image') throw new Refusal(400, `there is no image ${JSON.stringify(body.image)}`);
      return { ordered: true };
    },
  }),
  operation({
    method: 'DELETE',
    path: '/orders/{machine}',
    summary: 'Cancels the order for a machine',
    parameters: z.object({ machine }),
    answer: z.object({ cancelled: z.literal(true) }),
    run: async (fleet, { parameters }) => ((await fleet.cancel(parameters.machine)) ? { cancelled: true } : undefined),
  }),
  operation({
    method: 'POST',
    path: '/nodes',
    summary: 'Adds a node to the configuration file; its comments and layout stay',
    parameters: z.object({}),
    body: z.strictObject({
      mac: z.string().max(60),
      name,
      profile: name.optional(),
      image: name.optional(),
      dry_run: z.boolean().default(false).describe('Whether only the change is shown.'),
    }),
    answer: adoption,
    run: async (fleet, { body }) => {
      const outcome = await fleet.adopt(body);
      if ('problem' in outcome) throw new Refusal(400, outcome.problem);
      return outcome;
    },
  }),
];
