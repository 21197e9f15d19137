import { type RequestHandler, Router } from 'express';
import type { AppOptions } from '../app-options.ts';
import { decline, readRoute, sendText } from '../routes/respond.ts';
import { readBuiltFiles } from './built-files.ts';
import { FOR_EVER, policyOf, sendBuilt } from './send-built.ts';

/** Pictures may stand in style sheets: those of the site's buttons do. */
const POLICY = policyOf({ 'img-src': "'self' data:" });

/**
 * `/docs/…`: the documentation as a site, where it was built.
 * @param read its files, read when they are first asked for
 */
export function docsRoute(options: AppOptions, read = () => readBuiltFiles('docs')): RequestHandler {
  let files: ReturnType<typeof readBuiltFiles> | undefined;
  const router = Router({ caseSensitive: true });
  router.use(
    '/docs',
    readRoute(options, async (path, request, response) => {
      const [asked = ''] = request.originalUrl.split('?');
      if (path === '' && !asked.endsWith('/')) {
        // Its pages have relative addresses. So has this, for proxies that take a prefix off.
        return sendText(response, 308, 'docs/\n', { Location: 'docs/' });
      }
      files ??= read();
      const all = await files;
      const file = all.get(path === '' ? 'index.html' : path);
      const caching = path.startsWith('assets/') ? FOR_EVER : 'no-cache';
      if (file) return sendBuilt(request, response, file, { policy: POLICY, caching });
      const why = all.size === 0 ? 'the documentation was not built: "make docs" makes it' : 'no such page';
      decline(options, request, response, 404, why);
    }),
  );
  return router;
}
