import { type BootWithSteps, STAGES, type Stage } from '../../../src/model/fleet/boot.ts';
import { durationsOf, medianDurations } from '../../../src/model/fleet/durations.ts';

/** One stage of a boot: where its time lies, milliseconds since the boot began. */
export interface Span {
  readonly stage: Stage;
  readonly from: number;
  readonly took: number;
  /** The median of other boots with the image, milliseconds; undefined where there is none. */
  readonly median: number | undefined;
  readonly isSlowest: boolean;
  readonly hasFailed: boolean;
}

/** Where the time of a boot went. */
export interface Timeline {
  readonly spans: readonly Span[];
  /** How long nothing has come since the last step, of a boot that is under way; milliseconds. */
  readonly waiting: number;
  /** The length of the picture, milliseconds. */
  readonly length: number;
  /** All stages of the median together, milliseconds; undefined without other boots. */
  readonly median: number | undefined;
}

/** @param others boots with its image that came up @param now milliseconds since 1970 */
export function timelineOf(boot: BootWithSteps, others: readonly BootWithSteps[], now: number): Timeline {
  const durations = durationsOf(boot);
  const medians = medianDurations(others);
  const slowest = Math.max(...durations.values());
  let from = 0;
  const spans = [...durations].map(([stage, took]): Span => {
    const steps = boot.steps.filter((step) => step.stage === stage);
    const hasFailed = steps.at(-1)?.happening === 'failed';
    const span = { stage, from, took, median: medians.get(stage), isSlowest: took > 0 && took === slowest, hasFailed };
    from += took;
    return span;
  });
  const waiting = boot.outcome === 'under-way' ? Math.max(0, now - boot.last) : 0;
  const reach = spans.map((span) => span.from + Math.max(span.took, span.median ?? 0));
  const median = others.length > 0 ? [...medians.values()].reduce((sum, ms) => sum + ms, 0) : undefined;
  return { spans, waiting, length: Math.max(1000, from + waiting, ...reach), median };
}

/** Places for the marks of an axis, milliseconds: up to so many round numbers. */
export function ticksOf(length: number, most: number): readonly number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200].map((seconds) => seconds * 1000);
  const step = steps.find((each) => length / each <= most) ?? 3_600_000 * Math.ceil(length / 3_600_000 / most);
  // One at the very end would stand beside the picture.
  return Array.from({ length: Math.floor((length * 0.95) / step) + 1 }, (_, index) => index * step);
}

/** The stages that the boot may still come to, where others with the image do. */
export function stagesAhead(boot: BootWithSteps, others: readonly BootWithSteps[]): readonly Stage[] {
  if (boot.outcome !== 'under-way') return [];
  const medians = medianDurations(others);
  return STAGES.slice(STAGES.indexOf(boot.stage) + 1).filter((stage) => medians.has(stage));
}
