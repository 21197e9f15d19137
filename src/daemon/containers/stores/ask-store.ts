import { readErrorCode } from '../../../model/containers/object-listing.ts';
import type { StoreSettings } from '../../../model/containers/stored-files.ts';
import { causeOf, plainMessage } from '../../../model/plain-error.ts';

/** The longest page of a listing: a thousand keys of a thousand bytes, each as three characters, and what is around. */
const MAX_ANSWER = 8 * 1024 * 1024;
/** Milliseconds for one answer. */
const PATIENCE = 30_000;

/** A store that does not do what it is asked. Its message says why and what to do, and has no credentials in it. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly reason: 'unreachable' | 'refused' | 'answer' | 'too-many';

  constructor(reason: StoreError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A store's name in messages: neither user nor password nor query. */
export function nameOf({ url, bucket }: StoreSettings): string {
  return `the store ${new URL(url).origin}, bucket ${bucket}`;
}

const REMEDIES: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: 'it does not know access_key',
  SignatureDoesNotMatch: 'secret_key, or region, is wrong',
  AccessDenied: 'access_key may not do this: see its policy in the store',
  RequestTimeTooSkewed: "the clock of this server differs from the store's",
  AuthorizationHeaderMalformed: 'region is wrong',
  AuthorizationQueryParametersError: 'region is wrong',
  PermanentRedirect: 'the bucket is elsewhere: see url and region',
  NoSuchBucket: 'the bucket does not exist',
};

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Error(`its answer is longer than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** How an attempt ends on a connection that the store had closed by then, as it was idle. */
const CLOSED: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** One answer; a second attempt is made on a connection of its own where the first one's was closed. */
async function get(url: string, attempts = 2): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(PATIENCE) });
    return { status: response.status, text: await textOf(response) };
  } catch (error) {
    if (attempts > 1 && CLOSED.has((causeOf(error) as NodeJS.ErrnoException).code)) return await get(url, attempts - 1);
    throw error;
  }
}

/**
 * Fetches what a store has at a presigned URL.
 * @throws StoreError where it does not answer, refuses or has more to say than it may
 */
export async function askStore(store: StoreSettings, url: string): Promise<string> {
  let answer: Awaited<ReturnType<typeof get>>;
  try {
    answer = await get(url);
  } catch (error) {
    // Neither has the URL.
    const cause = causeOf(error);
    throw new StoreError('unreachable', `${nameOf(store)}, does not answer: ${plainMessage(cause)}`, { cause });
  }
  const { status, text } = answer;
  if (status === 200) return text;
  const code = readErrorCode(text);
  const why = code === undefined ? '' : ` ${code}${REMEDIES[code] ? `: ${REMEDIES[code]}` : ''}`;
  throw new StoreError('refused', `${nameOf(store)}, answered ${status}${why}`);
}
