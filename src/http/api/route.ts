import { once } from 'node:events';
import { type RequestHandler, Router } from 'express';
import type { z } from 'zod';
import type { Fleet } from '../../model/fleet/status.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { AppOptions } from '../app-options.ts';
import { isRead, sendJson } from '../routes/respond.ts';
import { openApi } from './openapi.ts';
import { OPERATIONS, type Operation } from './operations.ts';

/** `limit: Too big: expected number to be <=1000`, one for each wrong parameter. */
function wrongParameters({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

function handle({ parameters, run }: Operation, fleet: Fleet): RequestHandler {
  return async (request, response) => {
    if (!isRead(request, response)) return;
    const query = Object.fromEntries(new URL(request.url, 'http://localhost').searchParams);
    const given = parameters.safeParse({ ...query, ...request.params });
    if (!given.success) return sendJson(response, 400, { error: wrongParameters(given.error) });
    try {
      const answer = await run(fleet, given.data);
      if (answer === undefined) sendJson(response, 404, { error: 'there is no such thing' });
      else sendJson(response, 200, answer);
    } catch (error) {
      response.setHeader('Retry-After', '5');
      sendJson(response, 503, { error: plainMessage(error) });
    }
  };
}

/** A stream of events ends after this time, milliseconds: a client that reads little is ended after five minutes. */
const STREAM = 4 * 60_000;

/** Sends changes as server-sent events (HTML standard, section 9.2), and a comment now and then. */
function events({ fleet, monotonic }: AppOptions): RequestHandler {
  return async (request, response) => {
    if (!isRead(request, response)) return;
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
      if (!response.write(text.join('') || ': \n\n'))
        await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    response.end();
  };
}

/** `/api/v1`: machines and their boots, read-only. */
export function apiRoute(options: AppOptions): RequestHandler {
  const router = Router({ caseSensitive: true });
  let description: object | undefined;
  router.all('/openapi.json', (request, response) => {
    description ??= openApi();
    if (isRead(request, response)) sendJson(response, 200, description);
  });
  router.all('/events', events(options));
  for (const operation of OPERATIONS) {
    router.all(operation.path.replace(/\{(\w+)\}/g, ':$1'), handle(operation, options.fleet));
  }
  router.use((_, response) => sendJson(response, 404, { error: 'no such path: /api/v1/openapi.json lists them' }));
  return router;
}
