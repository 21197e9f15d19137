import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { AppOptions } from '../app-options.ts';
import { evaluatePreconditions } from '../routes/conditional.ts';
import { decline, readRoute } from '../routes/respond.ts';
import { type BuiltFile, chooseCoding, readBuiltFiles } from './built-files.ts';

/** What the page may do: load its own files and ask its own server, and nothing else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': POLICY,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  Vary: 'Accept-Encoding',
};

/** Names with a digest: what they name never changes. */
const FOR_EVER = 'public, max-age=31536000, immutable';

function send(request: Request, response: Response, file: BuiltFile, caching: string): void {
  const coding = chooseCoding(request.headers['accept-encoding'], file);
  // Another representation has another tag (RFC 9110 section 8.8.3.3).
  const etag = coding === undefined ? file.etag : file.etag.replace(/"$/, `-${coding}"`);
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
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

/**
 * `/`: the dashboard, and `/assets/…`: its files, whose names have their digests. What it shows and changes, it asks
 * `/api/v1` for.
 * @param read its files, read when they are first asked for
 */
export function dashboardRoute(options: AppOptions, read = readBuiltFiles): RequestHandler {
  let files: ReturnType<typeof readBuiltFiles> | undefined;
  const router = Router({ caseSensitive: true, strict: true });
  const answer = (pathOf: (path: string) => string, caching: string) =>
    readRoute(options, async (path, request, response) => {
      if (!(await options.fleet.hasDashboard())) return decline(options, request, response, 404, 'no such path');
      files ??= read();
      const file = (await files).get(pathOf(path));
      if (file) return send(request, response, file, caching);
      const why = path === '' ? 'the dashboard was not built: "npm run build" makes it' : 'no such path';
      decline(options, request, response, 404, why);
    });
  router.all(
    '/',
    answer(() => 'index.html', 'no-cache'),
  );
  router.all(
    '/assets/:name',
    answer((path) => path, FOR_EVER),
  );
  return router;
}
