import { useState } from 'preact/hooks';
import type { ConfiguredImage } from '../../../src/model/fleet/next/configured.ts';
import type { Stranger } from '../../../src/model/fleet/status.ts';
import { change } from '../live/api.ts';
import { useApi } from '../live/hooks.ts';
import { live } from '../live/store.ts';
import { Trouble } from '../parts/basics.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Diff } from './diff.tsx';

/** Times that the new node is looked for, and the pause between, milliseconds: the daemon reads the file by itself. */
const LOOKS = 20;
const PAUSE = 250;

/** A name to begin with, by the end of the address. */
const suggested = (mac: string) => `n-${mac.replaceAll(':', '').slice(-6)}`;

async function untilKnown(name: string): Promise<void> {
  for (let look = 0; look < LOOKS && !live.fleet.get(name)?.node; look++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    await live.readNodes();
  }
}

/**
 * Makes a node of a machine: shows the change of the configuration first.
 * @param onClose gets the name of the new node
 */
export function AdoptDialog(props: { readonly stranger: Stranger; readonly onClose: (name?: string) => void }) {
  const { mac } = props.stranger;
  const { value } = useApi<{ images: readonly ConfiguredImage[] }>('/images');
  const [form, setForm] = useState({ name: suggested(mac), profile: '', image: '' });
  const [diff, setDiff] = useState<string>();
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const set = (key: keyof typeof form) => (event: { readonly currentTarget: { readonly value: string } }) => {
    setForm({ ...form, [key]: event.currentTarget.value.trim() });
    setDiff(undefined);
  };
  const adopt = async (dry_run: boolean) => {
    const { name, profile, image } = form;
    const body = { mac, name, ...(profile !== '' && { profile }), ...(image !== '' && { image }), dry_run };
    setBusy(true);
    setError(undefined);
    try {
      const answer = await change<{ diff: string }>('POST', '/nodes', body);
      if (!answer) return;
      if (dry_run) return setDiff(answer.diff);
      await untilKnown(name);
      props.onClose(name);
    } catch (failure) {
      setError((failure as Error).message);
    } finally {
      setBusy(false);
    }
  };
  const profiles = [...new Set(live.fleet.all().flatMap(({ node }) => node?.profiles ?? []))];
  return (
    <Dialog title={`Adopt ${mac}`} onClose={() => props.onClose()}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isBusy) void adopt(diff === undefined);
        }}
      >
        <label>
          Name of the node
          <input
            name="name"
            required
            pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,99}"
            value={form.name}
            onInput={set('name')}
          />
        </label>
        <label>
          Profile
          <input name="profile" list="profiles" placeholder="none" value={form.profile} onInput={set('profile')} />
        </label>
        <datalist id="profiles">
          {profiles.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <label>
          Image
          <select name="image" value={form.image} onChange={set('image')}>
            <option value="">that of its profile or rule</option>
            {value?.images.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {diff !== undefined && <Diff text={diff} />}
        <Trouble error={error} />
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={isBusy}>
            {diff === undefined ? 'Show the change' : 'Write it to the configuration'}
          </button>
          <button type="button" onClick={() => props.onClose()}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
