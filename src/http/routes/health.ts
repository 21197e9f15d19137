import type { RequestHandler } from 'express';
import { isRead, sendText } from './respond.ts';

/** `/healthz`: the event loop turns and the server answers. */
export function healthRoute(): RequestHandler {
  return (request, response) => {
    if (isRead(request, response)) sendText(response, 200, 'ok\n');
  };
}
