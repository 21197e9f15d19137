import type { Service } from '../../model/sockets/service.ts';

/** How to start a service, or the part of it at one address. `key` has all that the start depends on. */
export interface Plan {
  readonly key: string;
  start(): Promise<Service>;
}

interface Running {
  readonly plan: Plan;
  readonly service: Service;
}

const isInUse = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EADDRINUSE';

/** A slot for one service, of which each part is restarted when its plan's key changes. */
export class ServiceSlot {
  private running: readonly Running[] = [];
  private readonly graceMs: number;

  constructor(graceMs: number) {
    this.graceMs = graceMs;
  }

  /** Where the service listens; empty if it is off. */
  get listening(): readonly string[] {
    return this.running.flatMap(({ service }) => service.listening);
  }

  /**
   * Runs the service by these plans. A part whose plan is there already goes on undisturbed. New ones start before the
   * old ones end, so that no request is dropped; if they need the same port, the old ones end first.
   * @throws the start's error; the service then runs by the old plans
   */
  async put(plans: readonly Plan[]): Promise<void> {
    const before = this.running;
    const kept = before.filter(({ plan }) => plans.some(({ key }) => key === plan.key));
    const gone = before.filter((each) => !kept.includes(each));
    const fresh = plans.filter(({ key }) => !kept.some(({ plan }) => plan.key === key));
    let started: readonly Running[];
    try {
      started = await startAll(fresh);
    } catch (error) {
      if (gone.length === 0 || !isInUse(error)) throw error;
      return this.replace(kept, gone, fresh);
    }
    const now = [...kept, ...started];
    this.running = plans.flatMap(({ key }) => now.find(({ plan }) => plan.key === key) ?? []);
    await stopAll(gone, this.graceMs);
  }

  private async replace(kept: readonly Running[], gone: readonly Running[], fresh: readonly Plan[]): Promise<void> {
    this.running = kept;
    await stopAll(gone, this.graceMs);
    try {
      this.running = [...kept, ...(await startAll(fresh))];
    } catch (error) {
      this.running = [...kept, ...(await startAll(gone.map(({ plan }) => plan)))];
      throw error;
    }
  }

  /** Stops the service if it runs. */
  async stop(): Promise<void> {
    const before = this.running;
    this.running = [];
    await stopAll(before, this.graceMs);
  }
}

/** Starts one after the other; where one cannot start, none of them runs. */
async function startAll(plans: readonly Plan[]): Promise<readonly Running[]> {
  const started: Running[] = [];
  try {
    for (const plan of plans) started.push({ plan, service: await plan.start() });
    return started;
  } catch (error) {
    await stopAll(started, 0);
    throw error;
  }
}

async function stopAll(running: readonly Running[], graceMs: number): Promise<void> {
  await Promise.all(running.map(({ service }) => service.stop(graceMs)));
}
