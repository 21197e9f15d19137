import type { Request, RequestHandler } from 'express';
import type { AppOptions } from '../app-options.ts';
import { decline, isRead, limited, sendText } from '../routes/respond.ts';
import { accessCheck } from './access.ts';

/** Requests of one address. */
const PER_ADDRESS = { burst: 20, perSecond: 2 };
/** The format of Prometheus, version 0.0.4. */
const TYPE = { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' };

/** `/metrics`: for whoever may read the API. */
export function metricsRoute(options: AppOptions): readonly RequestHandler[] {
  const access = accessCheck(options);
  const answer: RequestHandler = async (request, response) => {
    if (!isRead(request, response) || !(await access(request, response, 'read'))) return;
    const text = await options.metrics();
    if (text === undefined) return decline(options, request as Request, response, 404, 'no such path');
    sendText(response, 200, text, TYPE);
  };
  return [limited(options, PER_ADDRESS), answer];
}
