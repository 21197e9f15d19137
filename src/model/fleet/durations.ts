import { type BootWithSteps, STAGES, type Stage } from './boot.ts';

/** Milliseconds by stage. */
export type Durations = ReadonlyMap<Stage, number>;

/**
 * How long a boot took for each stage: from the end of the stage before, or the boot's begin, until its last step.
 * Stages overlap (a root is verified and unpacked while it arrives), so what counts is when each came to its end.
 */
export function durationsOf({ began, steps }: BootWithSteps): Durations {
  const durations = new Map<Stage, number>();
  let before = began;
  for (const stage of STAGES) {
    const last = steps.findLast((step) => step.stage === stage);
    if (!last) continue;
    durations.set(stage, Math.max(0, last.at - before));
    before = Math.max(before, last.at);
  }
  return durations;
}

/** The median of each stage, over the boots that came to it. */
export function medianDurations(boots: readonly BootWithSteps[]): Durations {
  const all = boots.map(durationsOf);
  return new Map(
    STAGES.flatMap((stage) => {
      const sorted = all.flatMap((each) => each.get(stage) ?? []).sort((a, b) => a - b);
      const middle = sorted[Math.floor(sorted.length / 2)];
      return middle === undefined ? [] : [[stage, middle] as const];
    }),
  );
}
