import { causeOf, plainMessage } from '../../model/plain-error.ts';
import type { TextOrSecret } from '../../model/settings/observe.ts';

/** Milliseconds for one answer. */
const PATIENCE = 10_000;

/** Reads a secret by its source. @throws Error that names the source alone */
export type ReadSecret = (source: string) => Promise<string>;

/** A text as it is, or its secret. @throws see {@link ReadSecret} */
export async function readText(value: TextOrSecret, secret: ReadSecret): Promise<string> {
  return typeof value === 'string' ? value : await secret(value.secret);
}

/**
 * Posts a text. Redirections are not followed.
 * @param signal ends it early
 * @returns undefined where the receiver took it; else why not, without the URL
 */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return 'its URL is no http(s) URL';
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'user-agent': 'slipway', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `it answered ${response.status}`;
  } catch (error) {
    return plainMessage(causeOf(error));
  }
}
