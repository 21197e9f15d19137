import { randomBytes } from 'node:crypto';
import type { BootStep, BootWithSteps } from '../../model/fleet/boot.ts';
import type { NumberedOutput } from '../../model/fleet/boot-store.ts';
import type { Order } from '../../model/fleet/next/next-boot.ts';
import type { ApiClient } from './client.ts';

/** How often it is looked whether the machine has the order, milliseconds. */
const LOOK_EVERY = 1000;
/** Exit statuses of timeout(1) and of a shell for Ctrl-C. */
const TIMED_OUT = 124;
const INTERRUPTED = 130;

/** A job, as the command line has it. */
export interface Job {
  readonly machine: string;
  readonly image: string;
  readonly command: readonly string[];
  /** `NAME=VALUE`. */
  readonly env: readonly string[];
  /** `NAME:/PATH`, a volume of the node's configuration. */
  readonly volume: readonly string[];
  /** The image that the machine boots; undefined for one that runs containers. */
  readonly boot: string | undefined;
  readonly plainHttp: boolean;
  readonly privileged: boolean;
  readonly network: string | undefined;
  /** Seconds; undefined for ever. */
  readonly timeout: number | undefined;
  readonly end: 'reboot' | 'poweroff' | 'wait';
}

/** The command line's surroundings that a job uses. */
export interface JobSurroundings {
  readonly out: (bytes: Buffer) => void;
  readonly tell: (line: string) => void;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
}

/** An image's name with its scheme and host: `alpine` is `docker://docker.io/alpine`. */
export function imageName(text: string): string {
  if (/^(?:docker:\/\/|oci:)/.test(text)) return text;
  const [host = ''] = text.split('/');
  const hasHost = text.includes('/') && /[.:]|^localhost$/.test(host);
  return `docker://${hasHost ? text : `docker.io/${text}`}`;
}

/** `NAME=VALUE` and `NAME:/PATH` taken apart. @throws Error with the remedy */
function pair(text: string, separator: string, example: string): readonly [string, string] {
  const at = text.indexOf(separator);
  if (at <= 0) throw new Error(`${JSON.stringify(text)} is not of the form ${example}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** The `containers:` section of a job. @throws Error with the remedy */
export function sectionFor(job: Job, step: string): object {
  const environment = Object.fromEntries(job.env.map((each) => pair(each, '=', 'NAME=VALUE')));
  const mounts = job.volume
    .map((each) => pair(each, ':', 'NAME:/PATH'))
    .map(([volume, target]) => ({ volume, target }));
  const only = {
    name: step,
    image: imageName(job.image),
    ...(job.command.length > 0 && { command: job.command }),
    ...(mounts.length > 0 && { mounts }),
    ...(job.plainHttp && { plain_http: true }),
    ...(job.privileged && { privileged: true }),
    ...(job.network !== undefined && { network: job.network }),
    ...(job.timeout !== undefined && { timeout: job.timeout }),
  };
  return { steps: [{ ...only, environment }], end: { action: job.end } };
}

/**
 * Prints output of a boot that is new.
 * @param after the number of the last piece that is known, 0 for none
 * @param step the name of one step; undefined for all
 * @returns the number of the last piece
 */
export async function printOutput(
  api: ApiClient,
  boot: string,
  after: number,
  step: string | undefined,
  out: (bytes: Buffer) => void,
): Promise<number> {
  let last = after;
  for (;;) {
    const { output } = await api.get<{ output: NumberedOutput[] }>(`/boots/${boot}/output?after=${last}`);
    for (const piece of output) {
      last = piece.number;
      if (step === undefined || piece.step === step) out(Buffer.from(piece.data, 'base64'));
    }
    if (output.length === 0) return last;
  }
}

/** What became of the job's step, once it is known. */
function resultOf(steps: readonly BootStep[], name: string): BootStep | undefined {
  return steps.findLast(({ step, happening }) => step === name && (happening === 'done' || happening === 'failed'));
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs a job on a machine: orders it, waits for the machine's next boot, and prints the output.
 * @returns the exit status of the job's command
 * @throws Error with the remedy where there is no such machine or image
 */
export async function runJob(api: ApiClient, job: Job, { out, tell, interrupted }: JobSurroundings): Promise<number> {
  const name = `run-${randomBytes(4).toString('hex')}`;
  const path = `/orders/${encodeURIComponent(job.machine)}`;
  await api.change('PUT', path, { image: job.boot, repeat: 'once', containers: sectionFor(job, name) });
  tell(`${job.machine} runs ${job.image} at its next boot`);
  const deadline = job.timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + job.timeout * 1000;
  const isOver = () => interrupted.aborted || performance.now() > deadline;

  /** The boot that has the order; undefined while there is none. */
  const taken = async (): Promise<string | undefined> => {
    const { orders } = await api.get<{ orders: Order[] }>('/orders');
    const order = orders.find(({ containers }) => containers?.steps?.some((step) => step.name === name));
    return order?.boot;
  };
  let boot: string | undefined;
  while (!isOver() && boot === undefined) {
    boot = await taken();
    if (boot === undefined) await pause(LOOK_EVERY);
  }
  if (boot !== undefined) tell(`it has begun: boot ${boot}`);
  let last = 0;
  while (boot !== undefined && !isOver()) {
    const { steps, outcome } = await api.get<BootWithSteps>(`/boots/${boot}`);
    const result = resultOf(steps, name);
    last = await printOutput(api, boot, last, name, out);
    if (result) {
      if (result.happening === 'failed') tell(result.message);
      return result.status ?? (result.happening === 'done' ? 0 : 1);
    }
    await pause(LOOK_EVERY / 2);
    if (outcome === 'unfinished' || outcome === 'failed')
      throw new Error(`boot ${boot} ended before the job did: "slipway logs ${job.machine}" says why`);
  }
  if (boot !== undefined) await api.change('DELETE', `/boots/${boot}/pipeline`);
  await api.change('DELETE', path).catch(() => {});
  tell(interrupted.aborted ? 'cancelled' : `cancelled: not done after ${job.timeout} s`);
  return interrupted.aborted ? INTERRUPTED : TIMED_OUT;
}
