import { useState } from 'preact/hooks';
import { imageOf } from '../model/describe.ts';
import type { Machine } from '../model/fleet-state.ts';
import { nodeLink } from '../model/routes.ts';
import { count } from '../model/text.ts';
import { Ago } from '../parts/ago.tsx';
import { Glyph, Section } from '../parts/basics.tsx';

/** Kinds of trouble that are shown before somebody asks for more. */
const SHOWN = 5;

interface Trouble {
  readonly message: string;
  readonly remedy: string;
  readonly machines: readonly Machine[];
}

/** Machines with the same trouble are one entry: a broken switch is one thing to mend. */
function troublesOf(machines: readonly Machine[]): readonly Trouble[] {
  const troubles = new Map<string, { message: string; remedy: string; machines: Machine[] }>();
  for (const machine of machines) {
    const { message = machine.boot?.message ?? '', remedy = '' } = machine.boot?.diagnosis ?? {};
    const known = troubles.get(message);
    if (known) known.machines.push(machine);
    else troubles.set(message, { message, remedy, machines: [machine] });
  }
  const urgency = ({ machines: [first] }: Trouble) => Number(first?.phase !== 'failed');
  return [...troubles.values()].sort((a, b) => urgency(a) - urgency(b) || b.machines.length - a.machines.length);
}

/** What does not go on, why in a sentence, and what to do. */
export function Attention({ machines }: { readonly machines: readonly Machine[] }) {
  const [all, setAll] = useState(false);
  const troubles = troublesOf(machines);
  if (troubles.length === 0) return null;
  return (
    <Section title="Needs attention" beside={<span class="tally">{count(machines.length, 'machine')}</span>}>
      <ul class="troubles">
        {troubles.slice(0, all ? undefined : SHOWN).map((trouble) => (
          <Entry key={trouble.message} {...trouble} />
        ))}
      </ul>
      {troubles.length > SHOWN && (
        <button type="button" class="plain" onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show ${troubles.length - SHOWN} more`}
        </button>
      )}
    </Section>
  );
}

/** Machines named in one entry. */
const NAMED = 8;

function Entry({ message, remedy, machines }: Trouble) {
  const [all, setAll] = useState(false);
  const [first] = machines;
  if (!first) return null;
  const last = Math.max(...machines.map(({ boot }) => boot?.last ?? 0));
  return (
    <li>
      <Glyph phase={first.phase} />
      <div>
        <p class="who">
          {machines.slice(0, all ? undefined : NAMED).map(({ name }) => (
            <a key={name} href={nodeLink(name)}>
              {name}
            </a>
          ))}
          {machines.length > NAMED && (
            <button type="button" class="plain" onClick={() => setAll(!all)}>
              {all ? 'fewer' : `and ${machines.length - NAMED} more`}
            </button>
          )}
          <span class="about">
            {[imageOf(first), first.boot?.stage].filter(Boolean).join(' · ')} · <Ago at={last} />
          </span>
        </p>
        <p class="why">{message}</p>
        {remedy !== '' && <p class="remedy">{remedy}</p>}
      </div>
    </li>
  );
}
