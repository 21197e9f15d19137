import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { get, serverNow } from './api.ts';
import { live } from './store.ts';
import { onToken, token } from './token.ts';

/** Draws the component anew when something is new. */
export function useLive(): typeof live {
  const [, draw] = useReducer((times: number) => times + 1, 0);
  useEffect(() => live.subscribe(() => draw(undefined)), []);
  return live;
}

/** Whether there is a token. */
export function useHasToken(): boolean {
  const [has, setHas] = useState(token() !== undefined);
  useEffect(() => onToken(() => setHas(token() !== undefined)), []);
  return has;
}

/** The server's time, milliseconds since 1970, drawn anew after each period. */
export function useNow(every: number): number {
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** An answer of the API. */
export interface Answer<T> {
  readonly value: T | undefined;
  readonly error: string | undefined;
  /** Asks again. */
  readonly reload: () => void;
}

/**
 * Asks the API, again when the path becomes another one.
 * @param path undefined to ask nothing
 * @param every milliseconds after which it is asked again
 */
export function useApi<T>(path: string | undefined, every?: number): Answer<T> {
  const [state, setState] = useState<{ readonly path?: string; readonly value?: T; readonly error?: string }>({});
  const run = useRef(() => {});
  useEffect(() => {
    if (path === undefined) return;
    let isOver = false;
    run.current = () => {
      get<T>(path).then(
        (value) => !isOver && setState({ path, value }),
        (error: Error) => !isOver && setState({ path, error: error.message }),
      );
    };
    run.current();
    const timer = every === undefined ? undefined : setInterval(() => !document.hidden && run.current(), every);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [path, every]);
  const isCurrent = state.path === path;
  return {
    value: isCurrent ? state.value : undefined,
    error: isCurrent ? state.error : undefined,
    reload: () => run.current(),
  };
}
