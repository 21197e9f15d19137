import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { ConfigurationAnswer } from '../../model/configuration/answer.ts';
import type { AppOptions } from '../app-options.ts';
import { isRead, limited, recordOf, sendText } from './respond.ts';

/** Requests of one address: a router may have many machines behind it. */
const PER_ADDRESS = { burst: 500, perSecond: 50 };
/** Seconds for which a session of the metadata service may count. */
const MAX_SESSION = 21_600;
const SESSION = 'x-aws-ec2-metadata-token';

/**
 * Sends an answer. A refusal is an event of its own: a system asks for much that there is not, and none of that is a
 * failure of its boot.
 */
function reply(options: AppOptions, request: Request, response: Response, answer: ConfigurationAnswer): void {
  if (answer.ok) {
    sendText(response, 200, answer.text, { 'Content-Type': answer.type });
    return;
  }
  const { status, why } = answer;
  recordOf(options, request, { event: 'configuration.refused', level: 'info', message: `${status}: ${why}`, status });
  if (status === 503) response.setHeader('Retry-After', '5');
  sendText(response, status, `${why}\n`);
}

/** `/configuration/TOKEN/NAME`, `…/files/NAME`: a document or file of a machine's configuration, by the token of its kernel line. */
export function configurationRoute(options: AppOptions): RequestHandler {
  const router = Router({ caseSensitive: true });
  router.use(limited(options, PER_ADDRESS));
  const answer = async (request: Request, response: Response, token: string, name: string) => {
    if (!isRead(request, response)) return;
    const client = request.socket.remoteAddress ?? '';
    reply(options, request, response, await options.configuration.document(token, name, client));
  };
  router.all('/:token/:name', (request, response) =>
    answer(request, response, request.params.token, request.params.name),
  );
  router.all('/:token/files/:name', (request, response) =>
    answer(request, response, request.params.token, `files/${request.params.name}`),
  );
  return router;
}

/**
 * The metadata service as EC2 has it, version 2: `PUT /latest/api/token` gives the token of a session, by which
 * `GET /latest/meta-data/…` and `/latest/user-data` are answered; a date may stand in place of `latest`. The machine is
 * known by its IP address.
 */
export function metadataRoute(options: AppOptions): RequestHandler {
  const { configuration } = options;
  const limit = limited(options, PER_ADDRESS);
  const answer: RequestHandler = async (request, response, next) => {
    const [, path] = /^\/(?:latest|\d{4}-\d{2}-\d{2})(?:\/(.*))?$/.exec(request.path) ?? [];
    if (path === undefined && !/^\/(?:latest|\d{4}-\d{2}-\d{2})$/.test(request.path)) return next();
    // Behind a proxy an address says nothing of the machine.
    if (['x-forwarded-for', 'forwarded', 'via'].some((name) => request.headers[name] !== undefined)) {
      return sendText(response, 403, 'not through a proxy\n');
    }
    const client = request.socket.remoteAddress ?? '';
    if (path === 'api/token') {
      if (request.method !== 'PUT') {
        response.setHeader('Allow', 'PUT');
        return sendText(response, 405, 'only PUT is served here\n');
      }
      const ttl = request.headers[`${SESSION}-ttl-seconds`];
      const seconds = typeof ttl === 'string' && /^\d{1,5}$/.test(ttl) ? Number(ttl) : 0;
      if (seconds < 1 || seconds > MAX_SESSION) {
        return sendText(response, 400, `expected ${SESSION}-ttl-seconds from 1 to ${MAX_SESSION}\n`);
      }
      response.setHeader(`${SESSION}-ttl-seconds`, String(seconds));
      return reply(options, request, response, await configuration.session(client, seconds));
    }
    if (!isRead(request, response)) return;
    const session = request.headers[SESSION];
    const known = typeof session === 'string' ? session : undefined;
    reply(options, request, response, await configuration.metadata(client, known, path ?? ''));
  };
  return (request, response, next) => {
    if (!/^\/(?:latest|\d{4}-\d{2}-\d{2})(?:\/|$)/.test(request.path)) return next();
    limit(request, response, () => void Promise.resolve(answer(request, response, next)).catch(next));
  };
}
