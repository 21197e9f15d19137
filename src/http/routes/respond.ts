import type { ServerResponse } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import type { BootEvent } from '../../model/event.ts';
import type { NotOpened } from '../../model/files/open-file.ts';
import { SourceBudget } from '../../model/limits/source-budget.ts';
import type { Arrival } from '../../model/settings/served-by.ts';
import type { AppOptions } from '../app-options.ts';

const STATUS: Readonly<Record<NotOpened['reason'], number>> = { missing: 404, directory: 404, refused: 403, gone: 410 };

/** Paths with a token, as firmware and proxies may write them. */
const SECRET_PATH = /^((?:https?:\/\/[^/?#]*)?\/(?:\.?\/)*(?:report|configuration|containers\/[^/?#]*)\/).*$/is;

/** Answers with a text: plain and never cached, unless the headers say otherwise. */
export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers?: Readonly<Record<string, string>>,
): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  for (const name in headers) response.setHeader(name, headers[name] ?? '');
  response.end(text);
}

/** Answers with a value as JSON. @param indent blanks for each level; on one line without it */
export function sendJson(response: ServerResponse, status: number, value: unknown, indent?: number): void {
  const headers = { 'Content-Type': 'application/json; charset=utf-8' };
  sendText(response, status, `${JSON.stringify(value, null, indent)}\n`, headers);
}

/** Answers 405 and returns false unless the method is GET or HEAD. */
export function isRead({ method }: Request, response: Response): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  response.setHeader('Allow', 'GET, HEAD');
  sendText(response, 405, 'only GET and HEAD are served here\n');
  return false;
}

/** Answers 405 and returns false unless the method is POST. */
export function isPost({ method }: Pick<Request, 'method'>, response: ServerResponse): boolean {
  if (method === 'POST') return true;
  response.setHeader('Allow', 'POST');
  sendText(response, 405, 'only POST is served here\n');
  return false;
}

/**
 * Lets an address ask only so often.
 * @param what is asked, in words, for the refusal
 */
export function limited(
  { monotonic }: Pick<AppOptions, 'monotonic'>,
  perAddress: ConstructorParameters<typeof SourceBudget>[0],
  what = 'requests',
): RequestHandler {
  const budget = new SourceBudget(perAddress, () => {});
  return (request, response, next) => {
    if (budget.take(request.socket.remoteAddress ?? '', monotonic())) return next();
    sendText(response, 429, `too many ${what} from this address\n`);
  };
}

/** The longest message of a machine, characters. */
const MAX_MESSAGE = 500;

/** One line of a machine's text: without control characters, and cut. */
export const machineLine = (text: string): string =>
  text
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim()
    .slice(0, MAX_MESSAGE);

/** How a request came. Behind a proxy, the address is that of the way from the proxy. */
export function arrivalOf({ socket, headers }: Request): Arrival {
  return { local: socket.localAddress, host: headers.host };
}

/** Whether a machine asks in order to boot: a person who looks boots nothing. iPXE names itself since its first version. */
export function isBoot({ method, headers }: Request): boolean {
  return method === 'GET' && /^iPXE\//.test(headers['user-agent'] ?? '');
}

/** The path below the route's prefix, percent-decoded once; undefined where that is not possible. */
export function decodedPath(request: Request): string | undefined {
  try {
    return decodeURIComponent(request.path.slice(1));
  } catch {
    return undefined;
  }
}

/** Records an event of a request, with its client, method and path. Long paths are cut. */
export function recordOf({ record }: AppOptions, request: Request, event: BootEvent): void {
  const client = request.socket.remoteAddress ?? '';
  // Whoever has its token can report on a boot, or have its configuration.
  const path = request.originalUrl.replace(SECRET_PATH, '$1…').slice(0, 500);
  record({ ...event, client, method: request.method, path });
}

/**
 * Answers a request with an error status and a line of text, and logs it.
 * @param text for the client, where it may not know all of `why`
 */
export function decline(
  options: AppOptions,
  request: Request,
  response: ServerResponse,
  status: number,
  why: string,
  text = why,
): void {
  recordOf(options, request, { event: 'http.refused', level: 'info', message: `${status}: ${why}`, status });
  sendText(response, status, `${text}\n`);
}

/** Answers a request for a file that cannot be opened, without its name. */
export function refuse(options: AppOptions, request: Request, response: Response, { reason, why }: NotOpened): void {
  // The target of a symbolic link stays inside.
  decline(options, request, response, STATUS[reason], why, reason === 'refused' ? 'refused' : why);
}

/** Answers a request whose path cannot be decoded. */
export function malformed(options: AppOptions, request: Request, response: ServerResponse): void {
  decline(options, request, response, 400, 'malformed path');
}

/** A route for GET and HEAD of something by its decoded path. */
export function readRoute(
  options: AppOptions,
  answer: (path: string, request: Request, response: Response) => Promise<void> | void,
): RequestHandler {
  return async (request, response) => {
    if (!isRead(request, response)) return;
    const path = decodedPath(request);
    if (path === undefined) malformed(options, request, response);
    else await answer(path, request, response);
  };
}
