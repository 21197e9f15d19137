import { IncomingMessage, ServerResponse } from 'node:http';
import type { Express } from 'express';

/** The classes of which `createServer` makes requests and responses. */
export interface MessageClasses {
  readonly IncomingMessage: typeof IncomingMessage;
  readonly ServerResponse: typeof ServerResponse;
}

/**
 * Classes whose objects already have the prototypes that express gives to each request and response. Objects whose
 * prototype is changed survive many garbage collections, which then take ten times as long: that halves the requests
 * per second.
 */
export function messageClasses(app: Express): MessageClasses {
  class Request extends IncomingMessage {}
  class Response extends ServerResponse {}
  app.request = Object.setPrototypeOf(Request.prototype, app.request);
  app.response = Object.setPrototypeOf(Response.prototype, app.response);
  return { IncomingMessage: Request, ServerResponse: Response as typeof ServerResponse };
}
