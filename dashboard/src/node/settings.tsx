import { useState } from 'preact/hooks';
import type { ShownScript } from '../../../src/model/fleet/next/configured.ts';
import { useApi } from '../live/hooks.ts';
import { explanationRows } from '../model/explain.ts';
import { Code, Empty, Scroll, Section, Trouble } from '../parts/basics.tsx';

/** The script of a machine's next boot, and where each of its settings comes from. */
export function Settings({ name, changed }: { readonly name: string; readonly changed: string }) {
  const [shown, setShown] = useState<'script' | 'explanation'>('script');
  // Another order, another script: what has changed is part of the question.
  const query = `?at=${encodeURIComponent(changed)}`;
  const path = `/nodes/${encodeURIComponent(name)}`;
  return (
    <Section
      title="Next boot"
      beside={
        <fieldset class="views">
          <legend class="unseen">What is shown of it</legend>
          {(['script', 'explanation'] as const).map((each) => (
            <label key={each}>
              <input type="radio" name="settings" checked={shown === each} onChange={() => setShown(each)} />
              <span>{each === 'script' ? 'Script' : 'Where settings come from'}</span>
            </label>
          ))}
        </fieldset>
      }
    >
      {shown === 'script' ? (
        <Script path={`${path}/script${query}`} />
      ) : (
        <Explanation path={`${path}/explanation${query}`} />
      )}
    </Section>
  );
}

function Script({ path }: { readonly path: string }) {
  const { value, error } = useApi<ShownScript>(path, 15_000);
  if (error !== undefined) return <Empty>No script: its address is not known yet, or {error}.</Empty>;
  if (!value) return <Empty>…</Empty>;
  return value.text === undefined ? <Trouble error={value.why} /> : <Code label="Script">{value.text.trimEnd()}</Code>;
}

function Explanation({ path }: { readonly path: string }) {
  const { value, error } = useApi<Record<string, unknown>>(path, 15_000);
  if (error !== undefined) return <Empty>No explanation: its address is not known yet, or {error}.</Empty>;
  if (!value) return <Empty>…</Empty>;
  return (
    <Scroll label="Where settings come from">
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">Value</th>
            <th scope="col">From</th>
          </tr>
        </thead>
        <tbody>
          {explanationRows(value).map((row, index) => (
            <tr key={`${row.name} ${index}`}>
              <th scope="row">{row.name}</th>
              <td class="value">{row.value}</td>
              <td>{row.from}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
