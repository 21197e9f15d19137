import type { BootChange } from '../../../src/model/fleet/boot-store.ts';
import { API, authorised, failureOf } from './api.ts';

/** Changes are missing between the last one and this one: all is to be loaded anew. */
export class Gap extends Error {}

/** The server sends something each 15 seconds: after this silence, milliseconds, the connection counts as dead. */
const SILENCE = 40_000;

/** The events in a text, and the rest of it that is not whole yet. */
export function splitEvents(text: string): { readonly events: readonly (readonly [number, string])[]; rest: string } {
  const blocks = text.split('\n\n');
  const rest = blocks.pop() ?? '';
  const events = blocks.flatMap((block): readonly (readonly [number, string])[] => {
    const [, id, data] = /^id: (\d+)\ndata: (.*)$/.exec(block) ?? [];
    return id === undefined || data === undefined ? [] : [[Number(id), data]];
  });
  return { events, rest };
}

/**
 * Follows the changes behind a number until the server ends the stream. By fetch in place of an EventSource, which could
 * send no token.
 * @returns the number of the last change
 * @throws Gap; ApiError; TypeError where the connection breaks
 */
export async function follow(
  after: number,
  onChange: (change: BootChange) => void,
  onOpen: () => void,
): Promise<number> {
  const silence = new AbortController();
  const { signal } = silence;
  const timer = () => setTimeout(() => silence.abort(new TypeError('nothing comes any more')), SILENCE);
  let watch = timer();
  try {
    const headers = authorised({ 'Last-Event-ID': String(after) });
    const response = await fetch(`${API}/events`, { headers, signal, cache: 'no-store' });
    if (!response.ok || !response.body) throw await failureOf(response);
    onOpen();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let last = after;
    for (let rest = ''; ; ) {
      const { done, value } = await reader.read();
      if (done) return last;
      clearTimeout(watch);
      watch = timer();
      const split = splitEvents(rest + value);
      rest = split.rest;
      for (const [id, data] of split.events) {
        if (id !== last + 1) throw new Gap();
        last = id;
        onChange(JSON.parse(data) as BootChange);
      }
    }
  } finally {
    clearTimeout(watch);
    silence.abort();
  }
}
