import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Access, Scope } from '../../model/fleet/access.ts';
import { SourceBudget } from '../../model/limits/source-budget.ts';
import type { AppOptions } from '../app-options.ts';
import { sendJson } from '../routes/respond.ts';

/** Wrong tokens of one address. */
const WRONG = { burst: 20, perSecond: 0.2 };

/** Who may do something; undefined for a request that has been answered with a refusal. */
export type AccessCheck = (
  request: IncomingMessage,
  response: ServerResponse,
  scope: Scope,
) => Promise<Access | undefined>;

const ANYBODY: Access = { name: 'anybody', scope: 'read' };
const HOW = 'send "Authorization: Bearer TOKEN" with one of the file of tokens (docs/operation.md)';

/** Checks the token of a request (RFC 6750 section 2.1). Where reading is open, none is needed for it. */
export function accessCheck({ fleet, monotonic }: AppOptions): AccessCheck {
  const budget = new SourceBudget(WRONG, () => {});
  return async (request, response, scope) => {
    const [, secret] = /^Bearer +(\S{1,200})$/i.exec(request.headers.authorization ?? '') ?? [];
    if (secret === undefined && scope === 'read' && (await fleet.readsAreOpen())) return ANYBODY;
    const refuse = (status: number, error: string) => {
      if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="slipway"');
      sendJson(response, status, { error });
      return undefined;
    };
    if (secret === undefined) return refuse(401, `this needs a token: ${HOW}`);
    const access = await fleet.authorise(secret);
    if (!access) {
      const client = request.socket.remoteAddress ?? '';
      if (!budget.take(client, monotonic())) return refuse(429, 'too many wrong tokens from this address');
      return refuse(401, `this token is not known: ${HOW}`);
    }
    if (scope === 'write' && access.scope === 'read') return refuse(403, `the token ${access.name} only reads`);
    return access;
  };
}
