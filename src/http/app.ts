import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import { PASSING_ERRORS } from '../model/plain-error.ts';
import { metricsRoute } from './api/metrics.ts';
import { apiRoute } from './api/route.ts';
import type { AppOptions } from './app-options.ts';
import { dashboardRoute } from './built/dashboard.ts';
import { docsRoute } from './built/docs.ts';
import { configurationRoute, metadataRoute } from './routes/configuration.ts';
import { containersRoute } from './routes/containers.ts';
import { artifactsRoute, blobsRoute, bootRoute } from './routes/files.ts';
import { ipxeRoute } from './routes/ipxe.ts';
import { registryRoute } from './routes/registry.ts';
import { reportRoute } from './routes/report.ts';
import { decline, isRead, malformed, recordOf, sendText } from './routes/respond.ts';
import { createServeFile } from './routes/serve-file.ts';
import type { SendRange } from './send/progress.ts';
import { type MessageClasses, messageClasses } from './server/messages.ts';
import { normaliseTarget } from './server/target.ts';

/** The application, and the classes of its requests and responses. */
export interface App {
  readonly listener: RequestListener;
  readonly classes: MessageClasses;
}

/** Every route of the HTTP server. Nothing in it buffers a response, and only reports have a body, a short one. */
export function createApp(options: AppOptions, send: SendRange): App {
  const serve = createServeFile(options, send);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('query parser', false);
  app.use(inTurn);
  app.use('/ipxe', ipxeRoute(options));
  app.use('/artifacts', artifactsRoute(options, serve));
  app.use('/blobs', blobsRoute(options, serve));
  app.use('/v2', registryRoute(options, serve));
  app.use('/api/v1', apiRoute(options));
  app.use('/report', reportRoute(options));
  app.use('/configuration', configurationRoute(options));
  app.use('/containers', containersRoute(options));
  app.use(metadataRoute(options));
  app.use(dashboardRoute(options));
  app.use(docsRoute(options));
  const boot = bootRoute(options, serve);
  app.use('/boot', boot);
  app.all('/autoexec.ipxe', boot);
  app.all('/metrics', ...metricsRoute(options));
  app.all('/healthz', (request, response) => {
    if (isRead(request, response)) sendText(response, 200, 'ok\n');
  });
  app.use((request, response) => decline(options, request, response, 404, 'no such path'));
  app.use(failure(options));
  const listener: RequestListener = (incoming, response) => {
    const request = incoming as Request;
    const target = normaliseTarget(request.url);
    request.originalUrl = request.url;
    // Express would answer a target that it cannot parse with a page of its own.
    if (target === undefined) return malformed(options, request, response);
    request.url = target;
    app(request, response as Response, () => malformed(options, request, response));
  };
  return { listener, classes: messageClasses(app) };
}

/** Has a pipelined request wait until it is its turn to be answered, so that it holds no file open meanwhile. */
const inTurn: RequestHandler = async (_request, response, next) => {
  if (!response.socket) await Promise.race([once(response, 'socket'), once(response, 'close')]);
  next();
};

/** Answers failures of the store and of scripts: 5xx, never 404. */
function failure(options: AppOptions): ErrorRequestHandler {
  return (error: NodeJS.ErrnoException, request, response, _next) => {
    // Of a request's body: too long, or cut off.
    const { status: given } = error as { status?: number };
    if (given !== undefined && given < 500) return decline(options, request, response, given, error.message);
    const status = PASSING_ERRORS.has(error.code ?? '') ? 503 : 500;
    const message = `${status}: ${error.message}`;
    recordOf(options, request, { event: 'http.error', level: 'error', message, status, code: error.code });
    if (response.headersSent) {
      request.socket.destroy();
      return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    if (status === 503) response.setHeader('Retry-After', '5');
    sendText(response, status, 'the server failed to answer; its log says why\n');
  };
}
