import type { Request, Response } from 'express';
import { evaluatePreconditions } from '../routes/conditional.ts';
import { type BuiltFile, chooseCoding } from './built-files.ts';

const HEADERS: Readonly<Record<string, string>> = {
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  Vary: 'Accept-Encoding',
};

/** Names with a digest: what they name never changes. */
export const FOR_EVER = 'public, max-age=31536000, immutable';

/** What a page may do: load its own files and ask its own server, and nothing else. */
const OWN_ALONE = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** A content security policy. @param more directives beside those, or in place of some */
export const policyOf = (more: Readonly<Record<string, string>>): string =>
  Object.entries({ ...OWN_ALONE, ...more })
    .map(([directive, value]) => `${directive} ${value}`)
    .join('; ');

/** What a browser may do with a file. */
export interface Terms {
  /** Its content security policy. */
  readonly policy: string;
  /** The value of Cache-Control. */
  readonly caching: string;
}

/** Sends a built file, in the shortest form that the client takes. */
export function sendBuilt(request: Request, response: Response, file: BuiltFile, { policy, caching }: Terms): void {
  const coding = chooseCoding(request.headers['accept-encoding'], file);
  // Another representation has another tag (RFC 9110 section 8.8.3.3).
  const etag = coding === undefined ? file.etag : file.etag.replace(/"$/, `-${coding}"`);
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  response.setHeader('Content-Security-Policy', policy);
  response.setHeader('Cache-Control', caching);
  response.setHeader('ETag', etag);
  const outcome = evaluatePreconditions(request.headers, { etag });
  if (outcome !== 'proceed') return void response.writeHead(outcome === 'failed' ? 412 : 304).end();
  const body = (coding === undefined ? undefined : file.coded.get(coding)) ?? file.plain;
  if (coding !== undefined) response.setHeader('Content-Encoding', coding);
  response.setHeader('Content-Type', file.type);
  response.setHeader('Content-Length', body.length);
  response.end(body);
}
