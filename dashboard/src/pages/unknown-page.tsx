import { useState } from 'preact/hooks';
import type { Stranger } from '../../../src/model/fleet/status.ts';
import { useApi, useLive } from '../live/hooks.ts';
import { stateText } from '../model/describe.ts';
import { nodeLink } from '../model/routes.ts';
import { Ago } from '../parts/ago.tsx';
import { Badge, Empty, Trouble } from '../parts/basics.tsx';
import { AdoptDialog } from './adopt-dialog.tsx';

/** How often machines are asked for, milliseconds: what they tell comes without events. */
const ASK_EVERY = 3000;

/** Machines that no node names: what they told, and a way into the configuration. */
export function UnknownPage() {
  const { fleet } = useLive();
  const { value, error, reload } = useApi<{ machines: readonly Stranger[] }>('/unknown', ASK_EVERY);
  const [adopting, setAdopting] = useState<Stranger>();
  const [said, setSaid] = useState('');
  return (
    <>
      <h1 tabIndex={-1}>Unknown machines</h1>
      <p class="lead">They asked for something, and no node of the configuration names them.</p>
      <p class="said" role="status">
        {said}
      </p>
      <Trouble error={error} />
      {value?.machines.length === 0 && <Empty>None: each machine that has asked has a node.</Empty>}
      <ul class="strangers">
        {value?.machines.map((stranger) => {
          const machine = fleet.get(stranger.mac);
          return (
            <li key={stranger.mac} class="card">
              <div class="card-head">
                <h2>
                  <a href={nodeLink(stranger.mac)}>{stranger.mac}</a>
                </h2>
                {machine && <Badge phase={machine.phase}>{stateText(machine)}</Badge>}
                <span class="tally">
                  <Ago at={stranger.last} />
                </span>
                <button type="button" aria-label={`Adopt ${stranger.mac}`} onClick={() => setAdopting(stranger)}>
                  Adopt…
                </button>
              </div>
              <Facts stranger={stranger} />
              {machine?.boot?.diagnosis && <p class="remedy">{machine.boot.diagnosis.message}</p>}
            </li>
          );
        })}
      </ul>
      {adopting && (
        <AdoptDialog
          stranger={adopting}
          onClose={(name) => {
            setAdopting(undefined);
            if (name === undefined) return;
            setSaid(`${name} is a node of the configuration now.`);
            reload();
          }}
        />
      )}
    </>
  );
}

function Facts({ stranger: { facts } }: { readonly stranger: Stranger }) {
  const told = Object.entries(facts).filter(([name, value]) => name !== 'mac' && value !== undefined);
  if (told.length === 0) return <p class="remedy">It has told nothing of itself yet.</p>;
  return (
    <dl class="about-node">
      {told.map(([name, value]) => (
        <div key={name}>
          <dt>{name.replaceAll('_', ' ')}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
