import { IncomingMessage, ServerResponse } from 'node:http';
import type { Express } from 'express';

/** What `createServer` makes requests and responses of. */
export interface MessageClasses {
  readonly IncomingMessage: typeof IncomingMessage;
  readonly ServerResponse: typeof ServerResponse;
}

/**
 * Makes classes whose objects have the prototypes that express gives to each request and response, so that it need not.
 * Objects with a changed prototype outlive many collections of V8's, which then take ten times as long: that halves the
 * requests per second.
 */
export function messageClasses(app: Express): MessageClasses {
  class Request extends IncomingMessage {}
  class Response extends ServerResponse {}
  app.request = Object.setPrototypeOf(Request.prototype, app.request);
  app.response = Object.setPrototypeOf(Response.prototype, app.response);
  return { IncomingMessage: Request, ServerResponse: Response as typeof ServerResponse };
}
