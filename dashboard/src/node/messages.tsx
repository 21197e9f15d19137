import { useEffect, useState } from 'preact/hooks';
import type { ExplainedBoot } from '../../../src/model/fleet/status.ts';
import { useApi } from '../live/hooks.ts';
import { phaseOfStage } from '../model/phases.ts';
import { Code, Glyph, Section } from '../parts/basics.tsx';

/** What the machine and the services said of this boot, with the log of an initrd that failed. */
export function Messages({ boot }: { readonly boot: ExplainedBoot }) {
  return (
    <Section title="Messages">
      <ol class="messages">
        {boot.steps.map((step, index) => (
          <li key={`${step.at} ${index}`} data-stage={step.stage} data-happening={step.happening}>
            <span class="at">{((step.at - boot.began) / 1000).toFixed(1)} s</span>
            <Glyph phase={step.happening === 'failed' ? 'failed' : phaseOfStage(step.stage)} />
            <span class="stage">{step.stage}</span>
            <span class="text">
              {step.happening === 'failed' && <b>failed: </b>}
              {step.message}
            </span>
            {step.log !== undefined && step.log !== '' && (
              <Code label={`Log of ${step.stage}`}>{step.log.trimEnd()}</Code>
            )}
          </li>
        ))}
      </ol>
      {boot.stage === 'pipeline' && <Output key={boot.id} boot={boot.id} />}
    </Section>
  );
}

interface Piece {
  readonly number: number;
  readonly step: string;
  readonly data: string;
}

/** How often new output is asked for, milliseconds. */
const ASK_EVERY = 1500;
/** Characters of output that are kept: the end of it. */
const KEPT = 200_000;

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

/** What containers wrote, as it comes. */
function Output({ boot }: { readonly boot: string }) {
  const [{ last, text }, setState] = useState({ last: 0, text: '' });
  const { value, reload } = useApi<{ output: readonly Piece[] }>(`/boots/${boot}/output?after=${last}`, ASK_EVERY);
  useEffect(() => {
    const pieces = value?.output.filter(({ number }) => number > last) ?? [];
    const newest = pieces.at(-1);
    if (!newest) return;
    const decoder = new TextDecoder();
    const more = pieces.map(({ data }) => decoder.decode(bytesOf(data), { stream: true })).join('');
    setState({ last: newest.number, text: (text + more).slice(-KEPT) });
  }, [value, last, text, reload]);
  return text === '' ? null : <Code label="Output of containers">{text}</Code>;
}
