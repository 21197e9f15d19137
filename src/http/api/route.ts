import { once } from 'node:events';
import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import type { z } from 'zod';
import { plainMessage } from '../../model/plain-error.ts';
import type { AppOptions } from '../app-options.ts';
import { isRead, recordOf, sendJson } from '../routes/respond.ts';
import { type AccessCheck, accessCheck } from './access.ts';
import { openApi } from './openapi.ts';
import { OPERATIONS, type Operation, Refusal } from './operations.ts';

/** `limit: Too big: expected number to be <=1000`, one for each wrong parameter. */
function wrongParameters({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

/** What a request gives to an operation; undefined where it has been answered. */
function givenBy(operation: Operation, request: Request, response: Response) {
  const query = Object.fromEntries(new URL(request.url, 'http://localhost').searchParams);
  const parameters = operation.parameters.safeParse({ ...query, ...request.params });
  if (!parameters.success) return void sendJson(response, 400, { error: wrongParameters(parameters.error) });
  if (!operation.body) return { parameters: parameters.data, body: {} };
  const body = operation.body.safeParse(request.body ?? {});
  if (!body.success) return void sendJson(response, 400, { error: wrongParameters(body.error) });
  return { parameters: parameters.data, body: body.data };
}

function handle(operation: Operation, options: AppOptions, access: AccessCheck): RequestHandler {
  const { fleet } = options;
  const { method, path, run } = operation;
  return async (request, response) => {
    try {
      const by = await access(request, response, method === 'GET' ? 'read' : 'write');
      const given = by && givenBy(operation, request as Request, response);
      if (!given) return;
      const client = request.socket.remoteAddress ?? '';
      const answer = await run(fleet, { ...given, access: by, client });
      if (answer === undefined) return sendJson(response, 404, { error: 'there is no such thing' });
      if (method !== 'GET') {
        // What is to run may have secrets in its environment.
        const { containers, ...body } = given.body as Record<string, unknown>;
        const what = JSON.stringify({
          ...given.parameters,
          ...body,
          ...(containers !== undefined && { containers: '…' }),
        });
        const message = `${by.name}: ${method} ${path} ${what}`;
        recordOf(options, request as Request, { event: 'api.change', level: 'info', message, by: by.name });
      }
      sendJson(response, 200, answer);
    } catch (error) {
      if (error instanceof Refusal) return sendJson(response, error.status, { error: error.message });
      response.setHeader('Retry-After', '5');
      sendJson(response, 503, { error: plainMessage(error) });
    }
  };
}

/** A stream of events ends after this time, milliseconds: a client that reads little is ended after five minutes. */
const STREAM = 4 * 60_000;

/** Resolves when a response takes more, or is closed; leaves no listener behind. */
async function drained(response: Response): Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  ending.abort();
}

/** Sends changes as server-sent events (HTML standard, section 9.2), and a comment now and then. */
function events({ fleet, monotonic }: AppOptions, access: AccessCheck): RequestHandler {
  return async (request, response) => {
    if (!isRead(request, response) || !(await access(request, response, 'read'))) return;
    const asked = request.headers['last-event-id'];
    let after = typeof asked === 'string' && /^\d{1,15}$/.test(asked) ? Number(asked) : undefined;
    response.setHeader('Content-Type', 'text/event-stream');
    response.setHeader('Cache-Control', 'no-store');
    response.flushHeaders();
    if (request.method === 'HEAD') return void response.end();
    const began = monotonic();
    while (!response.destroyed && monotonic() - began < STREAM) {
      const news = await fleet.changes(after);
      if (!news) break;
      after = news.last;
      const text = news.changes.map(({ number, ...change }) => `id: ${number}\ndata: ${JSON.stringify(change)}\n\n`);
      // A client that does not read gets no more, and is ended as any that stalls.
      if (!response.write(text.join('') || ': \n\n')) await drained(response);
    }
    response.end();
  };
}

const BODY = express.json({ limit: '16kb', type: () => true });

/** The methods of each path, for a request with another one. */
function allowed(path: string): string {
  const methods = OPERATIONS.filter((each) => each.path === path).map(({ method }) => method);
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ');
}

/** `/api/v1`: machines and their boots, and with a token changes. */
export function apiRoute(options: AppOptions): RequestHandler {
  const router = Router({ caseSensitive: true });
  const access = accessCheck(options);
  let description: object | undefined;
  router.all('/openapi.json', (request, response) => {
    description ??= openApi();
    if (isRead(request, response)) sendJson(response, 200, description);
  });
  router.all('/events', events(options, access));
  for (const operation of OPERATIONS) {
    const path = operation.path.replace(/\{(\w+)\}/g, ':$1');
    const handler = handle(operation, options, access);
    if (operation.method === 'GET') router.get(path, handler);
    else router[operation.method.toLowerCase() as 'post' | 'put' | 'delete'](path, BODY, handler);
  }
  for (const path of new Set(OPERATIONS.map((each) => each.path))) {
    router.all(path.replace(/\{(\w+)\}/g, ':$1'), (_, response) => {
      response.setHeader('Allow', allowed(path));
      sendJson(response, 405, { error: `only ${allowed(path)} is served here` });
    });
  }
  router.use((_, response) => sendJson(response, 404, { error: 'no such path: /api/v1/openapi.json lists them' }));
  return router;
}
