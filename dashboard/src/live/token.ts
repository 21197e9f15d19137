/** Where the token of this tab is kept: it is forgotten with the tab. */
const KEY = 'slipway-token';

const listeners = new Set<() => void>();

/** The token for the API; undefined where none was given yet. */
export const token = (): string | undefined => sessionStorage.getItem(KEY) ?? undefined;

/** Keeps a token, or forgets it. */
export function setToken(value: string | undefined): void {
  if (value === undefined) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value);
  for (const listener of [...listeners]) listener();
}

/** Calls back when the token becomes another one. @returns what ends that */
export function onToken(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
