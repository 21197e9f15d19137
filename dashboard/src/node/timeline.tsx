import type { BootWithSteps } from '../../../src/model/fleet/boot.ts';
import { useNow } from '../live/hooks.ts';
import { phaseOfStage } from '../model/phases.ts';
import { count, spanText } from '../model/text.ts';
import { type Span, stagesAhead, ticksOf, timelineOf } from '../model/timeline.ts';
import { Glyph } from '../parts/basics.tsx';

interface TimelineProps {
  readonly boot: BootWithSteps;
  /** Boots with its image that came up. */
  readonly others: readonly BootWithSteps[];
}

/** Where the seconds of a boot went: a bar for each stage, and a thin one for the median of the image below it. */
export function Timeline({ boot, others }: TimelineProps) {
  const now = useNow(500);
  const timeline = timelineOf(boot, others, now);
  const percent = (ms: number) => `${(ms * 100) / timeline.length}%`;
  const total = timeline.spans.reduce((sum, { took }) => sum + took, 0) + timeline.waiting;
  const last = timeline.spans.at(-1);
  return (
    <>
      <p class="lead">
        <b>{spanText(total)}</b> {boot.outcome === 'under-way' ? 'so far' : 'in all'}
        {timeline.median !== undefined && (
          <>
            ; the median of {count(others.length, 'boot')} with {boot.image} is <b>{spanText(timeline.median)}</b>
          </>
        )}
      </p>
      <table class="timeline">
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col" class="axis">
              <span class="unseen">Picture</span>
              {ticksOf(timeline.length, window.innerWidth < 640 ? 3 : 8).map((ms) => (
                <span key={ms} class="tick" aria-hidden="true" style={{ left: percent(ms) }}>
                  {ms === 0 ? '0' : spanText(ms).replace('.0', '')}
                </span>
              ))}
            </th>
            <th scope="col">Took</th>
            <th scope="col">Median</th>
          </tr>
        </thead>
        <tbody>
          {timeline.spans.map((span) => (
            <Row key={span.stage} span={span} waiting={span === last ? timeline.waiting : 0} percent={percent} />
          ))}
          {stagesAhead(boot, others).map((stage) => (
            <tr key={stage} class="ahead">
              <th scope="row">{stage}</th>
              <td />
              <td>-</td>
              <td>-</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Row({
  span,
  waiting,
  percent,
}: {
  readonly span: Span;
  readonly waiting: number;
  readonly percent: (ms: number) => string;
}) {
  const { stage, from, took, median, isSlowest, hasFailed } = span;
  const phase = hasFailed ? 'failed' : phaseOfStage(stage);
  const isLate = median !== undefined && took > 2 * median && took - median > 1000;
  return (
    <tr data-stage={stage}>
      <th scope="row">
        <Glyph phase={phase} /> {stage}
      </th>
      <td class="bars" aria-hidden="true">
        <span class={`bar p-${phase}`} style={{ left: percent(from), width: percent(took) }} />
        {waiting > 0 && <span class="bar waiting" style={{ left: percent(from + took), width: percent(waiting) }} />}
        {median !== undefined && <span class="median" style={{ left: percent(from), width: percent(median) }} />}
      </td>
      <td>
        {spanText(took)}
        {waiting > 1500 && <span class="flag"> + {spanText(waiting)}</span>}
        {isSlowest && <span class="flag"> slowest</span>}
        {isLate && <span class="flag warn"> late</span>}
        {hasFailed && <span class="flag warn"> failed</span>}
      </td>
      <td>{median === undefined ? '-' : spanText(median)}</td>
    </tr>
  );
}
