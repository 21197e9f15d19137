import { type RequestHandler, Router } from 'express';
import type { AppOptions } from '../app-options.ts';
import { decline, readRoute } from '../routes/respond.ts';
import { readBuiltFiles } from './built-files.ts';
import { FOR_EVER, policyOf, sendBuilt } from './send-built.ts';

const POLICY = policyOf({ 'require-trusted-types-for': "'script'" });

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
