import type { Service } from '../../model/sockets/service.ts';

/** How to start a service. `key` has all that the start depends on. */
export interface Plan {
  readonly key: string;
  start(): Promise<Service>;
}

const isInUse = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EADDRINUSE';

/** A slot for one service, which is restarted when its plan's key changes. */
export class ServiceSlot {
  private running: { readonly plan: Plan; readonly service: Service } | undefined;
  private readonly graceMs: number;

  constructor(graceMs: number) {
    this.graceMs = graceMs;
  }

  /** Where the service listens; empty if it is off. */
  get listening(): readonly string[] {
    return this.running?.service.listening ?? [];
  }

  /**
   * Starts the service by this plan, or stops it. The new one starts before the old one ends, so that no request is
   * dropped; if both need the same port, the old one ends first.
   * @throws the start's error; the service then runs by the old plan
   */
  async put(plan: Plan | undefined): Promise<void> {
    const old = this.running;
    if (old?.plan.key === plan?.key) return;
    if (!plan) return this.stop();
    try {
      this.running = { plan, service: await plan.start() };
      await old?.service.stop(this.graceMs);
    } catch (error) {
      if (!old || !isInUse(error)) throw error;
      await this.replace(old, plan);
    }
  }

  private async replace(old: { readonly plan: Plan; readonly service: Service }, plan: Plan): Promise<void> {
    await old.service.stop(this.graceMs);
    try {
      this.running = { plan, service: await plan.start() };
    } catch (error) {
      this.running = undefined;
      this.running = { plan: old.plan, service: await old.plan.start() };
      throw error;
    }
  }

  /** Stops the service if it runs. */
  async stop(): Promise<void> {
    const old = this.running;
    this.running = undefined;
    await old?.service.stop(this.graceMs);
  }
}
