import { away } from '../../model/files/mirrored.ts';
import { plainMessage } from '../../model/plain-error.ts';

/** Redirects that are followed: registries send blobs to a store of theirs by one. */
const MOST_REDIRECTS = 5;
/** Bytes a second that must come in each {@link WINDOWS} patiences: fetches that hardly move keep others waiting. */
const MIN_PACE = 1000;
const WINDOWS = 4;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** A request to a registry or its token service. */
export interface Get {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  /** The log-in, which goes to the first host alone. */
  readonly authorization: string | undefined;
  /** The time for the head of an answer, and for each piece of its body, milliseconds. */
  readonly patienceMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** An answer of any status. Its body is read or cancelled, else the connection stays open. */
export interface Answer {
  readonly ok: true;
  readonly status: number;
  readonly headers: Headers;
  /** Throws where it breaks off or nothing comes for too long. */
  readonly body: AsyncIterable<Uint8Array>;
  /** @param why the body's error, where it is being read */
  cancel(why?: string): void;
}

/** A failed request in words; the reasons of fetch() stand in its cause. */
function reasonOf(error: unknown, aborted: AbortSignal): string {
  if (aborted.aborted) return plainMessage(aborted.reason);
  const { cause } = error as { cause?: NodeJS.ErrnoException };
  return (cause?.code ?? plainMessage(cause ?? error)).slice(0, 200);
}

async function* pieces(body: ReadableStream<Uint8Array> | null, abort: AbortController, patienceMs: number) {
  if (!body) return;
  const reader = body.getReader();
  let size = 0;
  let slow = false;
  const windowMs = WINDOWS * patienceMs;
  let before = 0;
  const pacing = setInterval(() => {
    slow = size - before < (MIN_PACE * windowMs) / 1000;
    before = size;
  }, windowMs);
  try {
    while (!slow) {
      const timer = setTimeout(() => abort.abort(new Error('nothing came for too long')), patienceMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      size += value.length;
      yield value;
    }
    throw new Error(`less than ${MIN_PACE} bytes a second came`);
  } catch (error) {
    throw new Error(reasonOf(error, abort.signal), { cause: error });
  } finally {
    clearInterval(pacing);
    // Where it is not read to its end.
    abort.abort();
  }
}

/** Where a redirect leads; undefined for a place that is not followed: no HTTP, or no TLS any more. */
function targetOf(from: URL, location: string | null): URL | undefined {
  if (location === null || !URL.canParse(location, from.href)) return undefined;
  const to = new URL(location, from);
  const isAllowed = to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:');
  return isAllowed ? to : undefined;
}

/** Sends a request and follows redirects. All that fails is a value with the reason. */
export async function httpGet({ url: first, authorization, patienceMs, signal, ...get }: Get) {
  const abort = new AbortController();
  const end = () => abort.abort(new Error('the server stops'));
  signal.addEventListener('abort', end);
  abort.signal.addEventListener('abort', () => signal.removeEventListener('abort', end), { once: true });
  if (signal.aborted) end();
  const fail = (why: string) => {
    abort.abort(new Error(why));
    return away(why);
  };
  const timer = setTimeout(() => abort.abort(new Error('it does not answer in time')), patienceMs);
  let url = first;
  let given = authorization;
  try {
    for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
      // No other coding than the bytes of the digest.
      const headers = { ...get.headers, 'Accept-Encoding': 'identity', ...(given && { Authorization: given }) };
      const response = await fetch(url, { method: get.method, headers, redirect: 'manual', signal: abort.signal });
      if (!REDIRECTS.has(response.status)) return answerOf(response, abort, patienceMs);
      await response.body?.cancel();
      const next = targetOf(url, response.headers.get('location'));
      if (!next) return fail(`${url.host} leads to a place that is not followed`);
      if (next.origin !== url.origin) given = undefined;
      url = next;
    }
    return fail(`${first.host} leads from place to place`);
  } catch (error) {
    return fail(`${url.host}: ${reasonOf(error, abort.signal)}`);
  } finally {
    clearTimeout(timer);
  }
}

function answerOf(response: Response, abort: AbortController, patienceMs: number): Answer {
  const { status, headers } = response;
  const body = pieces(response.body, abort, patienceMs);
  return { ok: true, status, headers, body, cancel: (why) => abort.abort(why && new Error(why)) };
}

/**
 * Reads a body; undefined where it has more bytes than the most.
 * @param patienceMs for all of it, milliseconds
 * @throws where it breaks off, or takes too long
 */
export async function readBody(answer: Answer, most: number, patienceMs: number): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const timer = setTimeout(() => answer.cancel('it takes too long'), patienceMs);
  try {
    for await (const part of answer.body) {
      size += part.length;
      if (size > most) return undefined;
      parts.push(part);
    }
    return Buffer.concat(parts);
  } finally {
    clearTimeout(timer);
  }
}
