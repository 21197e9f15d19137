import { setToken, token } from './token.ts';

/** A refusal of the API, with its status of HTTP. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Asks for a token; undefined where the user gives none. */
export type AskForToken = (why: string) => Promise<string | undefined>;

let askForToken: AskForToken = async () => undefined;

/** Sets how a token is asked for. */
export function onTokenNeeded(ask: AskForToken): void {
  askForToken = ask;
}

/** Relative: the page may lie behind a prefix of a proxy. */
export const API = 'api/v1';

/** The headers of a request with the token, where there is one. */
export function authorised(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  const given = token();
  return { ...headers, ...(given !== undefined && { Authorization: `Bearer ${given}` }) };
}

/** The reason of an answer that is no success. */
export async function failureOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  try {
    return new ApiError(response.status, String((JSON.parse(text) as { error: unknown }).error));
  } catch {
    return new ApiError(response.status, `the server answered ${response.status}`);
  }
}

/** The difference of the server's clock to that of this machine, milliseconds; 0 where it is too small to tell. */
let clockOffset = 0;

/** Milliseconds since 1970 by the server's clock. */
export const serverNow = (): number => Date.now() + clockOffset;

/** Reads from the API. @throws ApiError; TypeError where no server answers */
export async function get<T>(path: string): Promise<T> {
  const response = await fetch(API + path, { headers: authorised(), cache: 'no-store' });
  if (!response.ok) throw await failureOf(response);
  const offset = Date.parse(response.headers.get('date') ?? '') + 500 - Date.now();
  if (Number.isFinite(offset)) clockOffset = Math.abs(offset) < 3000 ? 0 : offset;
  return (await response.json()) as T;
}

/**
 * Changes something, and asks for a token where there is none that allows it.
 * @returns undefined where the user gave none
 * @throws ApiError; TypeError where no server answers
 */
export async function change<T>(
  method: 'PUT' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<T | undefined> {
  let why = 'Changes need a token.';
  for (;;) {
    if (token() === undefined) {
      const given = await askForToken(why);
      if (given === undefined) return undefined;
      setToken(given);
    }
    const init = { method, headers: authorised({ 'Content-Type': 'application/json' }) };
    const response = await fetch(API + path, body ? { ...init, body: JSON.stringify(body) } : init);
    if (response.ok) return (await response.json()) as T;
    const failure = await failureOf(response);
    if (failure.status !== 401 && failure.status !== 403) throw failure;
    setToken(undefined);
    why = `The server refused: ${failure.message}.`;
  }
}
