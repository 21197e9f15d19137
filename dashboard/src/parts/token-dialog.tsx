import { useEffect, useState } from 'preact/hooks';
import { onTokenNeeded } from '../live/api.ts';
import { Dialog } from './dialog.tsx';

interface Asked {
  readonly why: string;
  readonly answer: (token: string | undefined) => void;
}

/** Asks for a token when a change needs one. */
export function TokenDialog() {
  const [asked, setAsked] = useState<Asked>();
  useEffect(() => {
    onTokenNeeded((why) => new Promise((answer) => setAsked({ why, answer })));
  }, []);
  if (!asked) return null;
  const end = (token: string | undefined) => {
    setAsked(undefined);
    asked.answer(token);
  };
  return (
    <Dialog title="Token" onClose={() => end(undefined)}>
      <TokenForm why={asked.why} onToken={end} onCancel={() => end(undefined)} />
    </Dialog>
  );
}

/** The field for a token. */
export function TokenForm(props: {
  readonly why: string;
  readonly onToken: (token: string) => void;
  readonly onCancel?: () => void;
}) {
  const [value, setValue] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    if (value.trim() !== '') props.onToken(value.trim());
  };
  return (
    <form class="form" onSubmit={submit}>
      <p id="token-why">
        {props.why} It is one of the file of tokens (<code>slipway.tokens</code>), and stays in this tab only.
      </p>
      <label>
        Token
        <input
          type="password"
          name="token"
          autocomplete="off"
          required
          aria-describedby="token-why"
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
      </label>
      <div class="buttons">
        <button type="submit" class="primary">
          Use this token
        </button>
        {props.onCancel && (
          <button type="button" onClick={props.onCancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}
