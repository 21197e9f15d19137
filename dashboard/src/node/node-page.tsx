import { useEffect } from 'preact/hooks';
import type { Boot, BootWithSteps } from '../../../src/model/fleet/boot.ts';
import type { ExplainedBoot } from '../../../src/model/fleet/status.ts';
import { useApi, useLive } from '../live/hooks.ts';
import { imageOf, stateText } from '../model/describe.ts';
import { isStranger, type Machine } from '../model/fleet-state.ts';
import { phaseOf } from '../model/phases.ts';
import { nodeLink } from '../model/routes.ts';
import { shortDigest, spanText, timeText } from '../model/text.ts';
import { Ago } from '../parts/ago.tsx';
import { Badge, Empty, Scroll, Section, Trouble } from '../parts/basics.tsx';
import { Actions } from './actions.tsx';
import { Messages } from './messages.tsx';
import { Settings } from './settings.tsx';
import { Timeline } from './timeline.tsx';
import { useBoot } from './use-boot.ts';

/** Boots with the same image whose durations a boot is compared with. */
const COMPARED = 50;
/** Boots of the machine that are listed. */
const LISTED = 12;

/** One machine: its boot as a picture, its messages, its script, its settings. @param wanted the id of an earlier boot */
export function NodePage({ name, wanted }: { readonly name: string; readonly wanted: string | undefined }) {
  const { fleet, orders, connection } = useLive();
  const machine = fleet.get(name);
  const current = machine?.boot?.id;
  const id = wanted ?? current;
  const { value: boot, error } = useBoot(id);
  const image = boot?.image;
  const compared = useApi<{ boots: readonly BootWithSteps[] }>(
    image && `/images/${encodeURIComponent(image)}/boots?limit=${COMPARED}`,
  );
  const others = compared.value?.boots.filter((each) => each.id !== id) ?? [];
  if (!machine) {
    return (
      <>
        <h1 tabIndex={-1}>{name}</h1>
        <Empty>
          {connection === 'loading' ? 'Loading…' : 'No node has this name, and no machine has asked by it.'}
        </Empty>
      </>
    );
  }
  const order = orders.find((each) => each.machine === machine.name);
  const diagnosis = id === current ? machine.boot?.diagnosis : boot?.diagnosis;
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href="#/">Fleet</a> <span aria-hidden="true">/</span> <span>{machine.name}</span>
      </nav>
      <div class="node-head">
        <h1 tabIndex={-1}>{machine.name}</h1>
        <p class="node-state" data-stage={machine.boot?.stage} role="status">
          <Badge phase={machine.phase}>{stateText(machine)}</Badge>
        </p>
        <Actions key={name} machine={machine} order={order} />
      </div>
      <About machine={machine} />
      {diagnosis && (
        <div class={`diagnosis p-${machine.phase}`}>
          <p class="why">{diagnosis.message}</p>
          <p class="remedy">{diagnosis.remedy}</p>
        </div>
      )}
      <Trouble error={error} />
      {boot && <OneBoot boot={boot} others={others} isEarlier={id !== current} name={name} />}
      <Settings name={name} changed={`${order?.at ?? ''}${current ?? ''}`} />
      <Earlier key={current} name={name} shown={id} />
    </>
  );
}

function About({ machine }: { readonly machine: Machine }) {
  const { boot, node } = machine;
  const macs = [...new Set([...(boot ? [boot.mac] : []), ...(node?.macs ?? [])])];
  const labels = Object.entries(node?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const facts = [
    ['Address', macs.join(', ')],
    ['Image', imageOf(machine)],
    ['Version', boot?.version && shortDigest(boot.version)],
    ['Profiles', node?.profiles.join(', ')],
    ['Labels', labels.join(', ')],
    ['Action', node && node.action !== 'boot' ? node.action : ''],
    ['Boots before this one', boot?.restarts ? `${boot.restarts}, one soon after the other` : ''],
  ].filter(([, value]) => value !== undefined && value !== '');
  return (
    <dl class="about-node">
      {facts.map(([key, value]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      {isStranger(machine) && (
        <div>
          <dt>Node</dt>
          <dd>
            none: <a href="#/unknown">adopt it</a>
          </dd>
        </div>
      )}
    </dl>
  );
}

function OneBoot(props: {
  readonly boot: ExplainedBoot;
  readonly others: readonly BootWithSteps[];
  readonly isEarlier: boolean;
  readonly name: string;
}) {
  const { boot, others, isEarlier, name } = props;
  return (
    <>
      <Section
        title={isEarlier ? 'Earlier boot' : 'Last boot'}
        beside={
          <span class="tally">
            {timeText(boot.began)} {isEarlier && <a href={nodeLink(name)}>to the last boot</a>}
          </span>
        }
      >
        <Timeline boot={boot} others={others} />
      </Section>
      <Messages boot={boot} />
    </>
  );
}

function Earlier({ name, shown }: { readonly name: string; readonly shown: string | undefined }) {
  const { value, reload } = useApi<{ boots: readonly Boot[] }>(
    `/boots?machine=${encodeURIComponent(name)}&limit=${LISTED}`,
  );
  // Of an earlier boot it is only now known how it ended.
  useEffect(reload, [shown]);
  if (!value || value.boots.length === 0) return null;
  return (
    <Section title="Boots">
      <Scroll label="Boots of this machine">
        <table class="plain-table">
          <thead>
            <tr>
              <th scope="col">Began</th>
              <th scope="col">Image</th>
              <th scope="col">Outcome</th>
              <th scope="col">Took</th>
            </tr>
          </thead>
          <tbody>
            {value.boots.map((boot) => (
              <tr key={boot.id} aria-current={boot.id === shown ? 'true' : undefined}>
                <th scope="row">
                  <a href={nodeLink(name, boot.id)}>{timeText(boot.began)}</a>
                </th>
                <td>{boot.image ?? '-'}</td>
                <td>
                  <Badge phase={phaseOf(boot)}>
                    {boot.outcome === 'up' ? 'up' : `${boot.outcome.replace('-', ' ')}, ${boot.stage}`}
                  </Badge>
                </td>
                <td>{boot.outcome === 'under-way' ? <Ago at={boot.began} /> : spanText(boot.last - boot.began)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}
