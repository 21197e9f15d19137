import { type RequestHandler, Router } from 'express';
import type { AppOptions } from '../app-options.ts';
import { decline, readRoute } from '../routes/respond.ts';
import { readBuiltFiles } from './built-files.ts';
import { FOR_EVER, sendBuilt } from './send-built.ts';

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

/**
 * `/`: the dashboard, and `/assets/…`: its files, whose names have their digests. What it shows and changes, it asks
 * `/api/v1` for.
 */
export function dashboardRoute(options: AppOptions): RequestHandler {
  let files: ReturnType<typeof readBuiltFiles> | undefined;
  const router = Router({ caseSensitive: true, strict: true });
  const answer = (pathOf: (path: string) => string, caching: string) =>
    readRoute(options, async (path, request, response) => {
      if (!(await options.fleet.hasDashboard())) return decline(options, request, response, 404, 'no such path');
      files ??= readBuiltFiles('dashboard');
      const file = (await files).get(pathOf(path));
      if (file) return sendBuilt(request, response, file, { policy: POLICY, caching });
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
