import { useState } from 'preact/hooks';
import type { ConfiguredImage } from '../../../src/model/fleet/next/configured.ts';
import type { Order } from '../../../src/model/fleet/next/next-boot.ts';
import { change } from '../live/api.ts';
import { useApi } from '../live/hooks.ts';
import { live } from '../live/store.ts';
import { imageOf } from '../model/describe.ts';
import type { Machine } from '../model/fleet-state.ts';
import { Ago } from '../parts/ago.tsx';
import { Trouble } from '../parts/basics.tsx';

/** Orders what a machine boots next: once, or until it is cancelled. */
export function Actions({ machine, order }: { readonly machine: Machine; readonly order: Order | undefined }) {
  const { value } = useApi<{ images: readonly ConfiguredImage[] }>('/images');
  const [chosen, setChosen] = useState<string>();
  const [said, setSaid] = useState('');
  const [error, setError] = useState<string>();
  const images = [...(value?.images.map(({ name }) => name) ?? []), 'local'];
  const image = chosen ?? imageOf(machine) ?? images[0] ?? 'local';
  const path = `/orders/${encodeURIComponent(machine.name)}`;
  const run = async (what: string, ...given: Parameters<typeof change>) => {
    setError(undefined);
    try {
      if ((await change(...given)) === undefined) return;
      setSaid(what);
      await live.look();
    } catch (failure) {
      setError((failure as Error).message);
    }
  };
  const give = (repeat: Order['repeat']) =>
    run(`${machine.name} boots ${image} ${repeat === 'once' ? 'at its next boot' : 'at each boot'}.`, 'PUT', path, {
      image,
      repeat,
    });
  const { boot } = machine;
  return (
    <div class="actions">
      <div class="buttons">
        <label>
          <span class="unseen">Image to boot</span>
          <select name="image" value={image} onChange={(event) => setChosen(event.currentTarget.value)}>
            {images.map((name) => (
              <option key={name} value={name}>
                {name === 'local' ? 'local disk' : name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" class="primary" onClick={() => give('once')}>
          Boot once
        </button>
        <button type="button" onClick={() => give('hold')} title="At each boot, until it is cancelled">
          Hold
        </button>
        {boot?.stage === 'pipeline' && (
          <button
            type="button"
            onClick={() => run('The containers are cancelled.', 'DELETE', `/boots/${boot.id}/pipeline`)}
          >
            Cancel containers
          </button>
        )}
      </div>
      {order && (
        <p class="order">
          <span>
            Ordered: <b>{order.image}</b> {order.repeat === 'once' ? 'at its next boot' : 'at each boot'}, by {order.by}
            , <Ago at={order.at} />
          </span>
          <button type="button" onClick={() => run('The order is cancelled.', 'DELETE', path)}>
            Cancel order
          </button>
        </p>
      )}
      <p class="said" role="status">
        {said}
      </p>
      <Trouble error={error} />
    </div>
  );
}
