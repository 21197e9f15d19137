import type { Boot, BootWithSteps } from '../../model/fleet/boot.ts';
import type { BootChange } from '../../model/fleet/boot-store.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';
import type { Mac } from '../../model/machine/mac.ts';

/** Machines that are remembered; those heard of longest ago go first. */
const MACHINES = 20_000;

/** What became of a boot; `unfinished` where another boot of the machine began before it was up. */
export interface BootNews {
  readonly kind: 'began' | 'up' | 'failed' | 'unfinished';
  /** With the steps that are known. */
  readonly boot: BootWithSteps;
}

/** Tells from the steps of boots which began and which came to an end. */
export class BootFollower {
  private readonly last = new Map<Mac, Boot>();
  private readonly byId: (id: string) => BootWithSteps | undefined;

  /** @param byId the last boot of a machine, or the one before */
  constructor(byId: (id: string) => BootWithSteps | undefined) {
    this.byId = byId;
  }

  /** Takes over boots of which there is no news. */
  know(boots: Iterable<Boot>): void {
    for (const boot of boots) this.note(boot);
  }

  /** The last boot of each machine. */
  boots(): Iterable<Boot> {
    return this.last.values();
  }

  /** The news in steps, in their order. */
  news(changes: readonly BootChange[]): readonly BootNews[] {
    return changes.flatMap(({ boot, step }) => {
      const before = this.last.get(boot.mac);
      this.note(boot);
      const whole = { ...boot, steps: this.byId(boot.id)?.steps ?? [step] };
      const news: BootNews[] = [];
      if (before?.id !== boot.id) {
        const left = before?.outcome === 'under-way' ? this.byId(before.id) : undefined;
        if (left) news.push({ kind: 'unfinished', boot: { ...left, outcome: 'unfinished' } });
        news.push({ kind: 'began', boot: whole });
      }
      const isNew = before?.id !== boot.id || before.outcome !== boot.outcome;
      if (isNew && (boot.outcome === 'up' || boot.outcome === 'failed')) news.push({ kind: boot.outcome, boot: whole });
      return news;
    });
  }

  private note(boot: Boot): void {
    this.last.delete(boot.mac);
    this.last.set(boot.mac, boot);
    dropOldest(this.last, MACHINES);
  }
}
