import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLive } from '../live/hooks.ts';
import { isStranger, type Machine } from '../model/fleet-state.ts';
import { PHASE_TEXT, PHASES, type Phase } from '../model/phases.ts';
import { fleetLink } from '../model/routes.ts';
import { search } from '../model/search.ts';
import { count } from '../model/text.ts';
import { Empty, Glyph } from '../parts/basics.tsx';
import { Attention } from './attention.tsx';
import type { View } from './cell.tsx';
import { Grid } from './grid.tsx';

/** Machines up to which each gets a tile, unless somebody chose. */
const TILES = 240;
const VIEWS: readonly (readonly [View, string])[] = [
  ['dots', 'Dots'],
  ['tiles', 'Tiles'],
  ['list', 'List'],
];

const needsAttention = ({ phase }: Machine) => phase === 'failed' || phase === 'stuck';

/** The fleet at a glance: what needs attention, counts by phase, and all machines. */
export function FleetPage({ query, phases }: { readonly query: string; readonly phases: ReadonlySet<Phase> }) {
  const { fleet, connection } = useLive();
  const [chosen, setChosen] = useState(localStorage.getItem('slipway-view') as View | null);
  const everything = fleet.all();
  const nodes = useMemo(() => everything.filter((machine) => !isStranger(machine)), [everything]);
  const troubled = useMemo(() => nodes.filter(needsAttention), [nodes]);
  const found = useMemo(() => search(nodes, query, phases), [nodes, query, phases]);
  const strangers = everything.length - nodes.length;
  const view = chosen ?? (nodes.length > TILES ? 'dots' : 'tiles');
  const go = (nextQuery: string, nextPhases: Iterable<Phase>) => {
    history.replaceState(null, '', fleetLink(nextQuery, nextPhases));
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  };
  const toggle = (phase: Phase) =>
    go(query, phases.has(phase) ? [...phases].filter((each) => each !== phase) : [...phases, phase]);

  return (
    <>
      <h1 tabIndex={-1}>Fleet</h1>
      <Attention machines={troubled} />
      {strangers > 0 && (
        <p class="note">
          <a href="#/unknown">{count(strangers, 'machine')} without a node</a> asked for something.
        </p>
      )}
      <div class="toolbar">
        <Search value={query} onValue={(text) => go(text, phases)} />
        <Counts machines={nodes} phases={phases} onToggle={toggle} />
        <fieldset class="views">
          <legend class="unseen">How machines are drawn</legend>
          {VIEWS.map(([name, text]) => (
            <label key={name}>
              <input
                type="radio"
                name="view"
                checked={view === name}
                onChange={() => {
                  localStorage.setItem('slipway-view', name);
                  setChosen(name);
                }}
              />
              <span>{text}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <p class="unseen" role="status">
        {query === '' && phases.size === 0 ? '' : `${count(found.length, 'machine')} found`}
      </p>
      {found.length > 0 && <Grid machines={found} view={view} />}
      {found.length === 0 && connection !== 'loading' && (
        <Empty>
          {nodes.length === 0 ? 'The configuration has no nodes, and no machine has asked yet.' : 'No machine fits.'}
        </Empty>
      )}
    </>
  );
}

function Search({ value, onValue }: { readonly value: string; readonly onValue: (text: string) => void }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest('input, select, textarea, dialog');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <search class="search">
      <input
        ref={field}
        type="search"
        aria-label="Search machines"
        placeholder="Search, or image:debian -stage:up"
        aria-keyshortcuts="/"
        spellcheck={false}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </search>
  );
}

/** How many machines are in each phase; each count is a filter. */
function Counts(props: {
  readonly machines: readonly Machine[];
  readonly phases: ReadonlySet<Phase>;
  readonly onToggle: (phase: Phase) => void;
}) {
  const counts = useMemo(() => {
    const all = new Map<Phase, number>();
    for (const { phase } of props.machines) all.set(phase, (all.get(phase) ?? 0) + 1);
    return all;
  }, [props.machines]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
    <div class="counts" role="group" aria-label="Only machines in these phases">
      {PHASES.map((phase) => (
        <button
          key={phase}
          type="button"
          class="count"
          aria-pressed={props.phases.has(phase)}
          title={PHASE_TEXT[phase].means}
          data-phase={phase}
          onClick={() => props.onToggle(phase)}
        >
          <Glyph phase={phase} />
          <span>{PHASE_TEXT[phase].name}</span> <b>{counts.get(phase) ?? 0}</b>
        </button>
      ))}
    </div>
  );
}
