import type { BootChange } from '../../../src/model/fleet/boot-store.ts';
import type { ConfiguredNode } from '../../../src/model/fleet/next/configured.ts';
import type { Order } from '../../../src/model/fleet/next/next-boot.ts';
import type { MachineStatus, RolloutStatus } from '../../../src/model/fleet/status.ts';
import { FleetState } from '../model/fleet-state.ts';
import { ApiError, get } from './api.ts';
import { follow, Gap } from './events.ts';
import { onToken } from './token.ts';

/** `locked`: reading needs a token. */
export type Connection = 'loading' | 'live' | 'away' | 'locked';

/** Diagnoses come with silence, and orders from others: they are asked for so often, milliseconds. */
const LOOK_EVERY = 5000;
/** The configuration is asked for at each so many looks. */
const CONFIGURATION_EVERY = 6;
/** The time until the next try where no server answers, milliseconds: the first one, and the longest. */
const RETRY = { first: 500, longest: 10_000 };

/** How long a page that is not seen gathers news, milliseconds. */
const UNSEEN = 250;

/** What the page knows of the server, kept up to date. Whoever shows it is told once for each frame of the screen. */
export class Live {
  readonly fleet = new FleetState();
  connection: Connection = 'loading';
  /** Why the server is away. */
  trouble = '';
  orders: readonly Order[] = [];
  rollouts: readonly RolloutStatus[] = [];
  /** Changes that came so far. */
  changes = 0;

  private readonly listeners = new Set<() => void>();
  private readonly changeListeners = new Set<(change: BootChange) => void>();
  private scheduled = false;
  private looking: Promise<void> | undefined;
  private lookAgain = false;
  private looks = 0;

  /** Calls back in a frame of the screen in which something is new. @returns what ends that */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Calls back with each change. @returns what ends that */
  onChange(listener: (change: BootChange) => void): () => void {
    this.changeListeners.add(listener);
    return () => void this.changeListeners.delete(listener);
  }

  /** Begins to follow the server, for as long as the page lives. */
  async start(): Promise<void> {
    setInterval(() => {
      if (this.connection === 'live' && !document.hidden) void this.look();
    }, LOOK_EVERY);
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.connection === 'live') void this.look();
    });
    for (let wait = RETRY.first; ; ) {
      try {
        await this.session(() => {
          wait = RETRY.first;
        });
      } catch (error) {
        if (error instanceof Gap) continue;
        this.trouble = error instanceof ApiError ? error.message : 'no server answers';
        this.turn(error instanceof ApiError && error.status === 401 ? 'locked' : 'away');
        if (this.connection === 'locked') await new Promise<void>((resolve) => onceToken(resolve));
        else await new Promise((resolve) => setTimeout(resolve, wait));
        wait = Math.min(RETRY.longest, wait * 2);
      }
    }
  }

  /** Asks for what comes without events: diagnoses, orders, roll-outs, and now and then the configuration. */
  look(): Promise<void> {
    this.lookAgain = true;
    this.looking ??= this.lookNow().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** Asks for the nodes of the configuration. */
  async readNodes(): Promise<void> {
    this.fleet.configure((await get<{ nodes: readonly ConfiguredNode[] }>('/nodes')).nodes);
    this.notify();
  }

  /** Loads all, and follows the changes until there is trouble. */
  private async session(onOpen: () => void): Promise<void> {
    const [{ nodes }, { machines, change }] = await Promise.all([
      get<{ nodes: readonly ConfiguredNode[] }>('/nodes'),
      get<{ machines: readonly MachineStatus[]; change: number }>('/status'),
    ]);
    this.fleet.load(nodes, machines);
    const open = () => {
      onOpen();
      this.turn('live');
      void this.look();
    };
    for (let last = change; ; ) last = await follow(last, (each) => this.take(each), open);
  }

  private take(change: BootChange): void {
    this.changes += 1;
    this.fleet.apply(change);
    for (const listener of this.changeListeners) listener(change);
    if (change.step.happening === 'failed') void this.look();
    this.notify();
  }

  private async lookNow(): Promise<void> {
    while (this.lookAgain) {
      this.lookAgain = false;
      this.looks += 1;
      try {
        const [{ machines }, { orders }, { rollouts }] = await Promise.all([
          get<{ machines: readonly MachineStatus[] }>('/attention'),
          get<{ orders: readonly Order[] }>('/orders'),
          get<{ rollouts: readonly RolloutStatus[] }>('/rollouts'),
        ]);
        this.fleet.diagnose(machines);
        this.orders = orders;
        this.rollouts = rollouts;
        if (this.looks % CONFIGURATION_EVERY === 0) await this.readNodes();
      } catch {
        // Whoever follows the changes hears of it too.
      }
      this.notify();
    }
  }

  private turn(connection: Connection): void {
    this.connection = connection;
    this.notify();
  }

  private notify(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    const run = () => {
      this.scheduled = false;
      for (const listener of [...this.listeners]) listener();
    };
    // A page that is not seen gets no frames.
    if (document.hidden) setTimeout(run, UNSEEN);
    else requestAnimationFrame(run);
  }
}

function onceToken(then: () => void): void {
  const stop = onToken(() => {
    stop();
    then();
  });
}

/** The one of this page. */
export const live = new Live();
